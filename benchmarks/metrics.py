"""How fast and how exact is the COCO metric beside the others?

    python benchmarks/metrics.py [--sides ours hotcoco ...] [--sets voc07-test-like ...]

Run it with an interpreter that has NumPy and whichever of pycocotools, hotcoco,
ultrafast-pycocotools, vernier, faster-coco-eval, torchmetrics are to be compared; those
it cannot import are named and left out. Every side runs in a process of its own, with
one thread and with as many as there are cores: files -> its own objects ("load"),
objects -> the twelve
numbers ("fresh" in a new process, "warm" the best of some more; the slow sides run
once), all of it in a fresh process ("total", imports included), and its peak memory.
Ratios are of warm evaluation to ours with as many threads; "off by" is the largest
difference from pycocotools in the twelve numbers.

CPU seconds stand beside the wall time because they suffer less from whatever else the
machine does.

With --whole ROUNDS whole processes are measured and nothing else: from the start of the
interpreter to the twelve numbers, as the system accounts for them, the sides in turns;
"score" is `voc-pipeline score` itself, "nothing" the interpreter and NumPy. Where there
is one thread there is one core.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "benchmarks")]

from metrics_data import SIZES  # noqa: E402
from metrics_sides import SIDES  # noqa: E402

THREAD_VARIABLES = ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
SLOW_SIDES = ("pycocotools", "torchmetrics", "faster-coco-eval")  # not run again


def run_side(
    side: str, files: tuple[Path, Path], threads: int, repeats: int
) -> dict[str, Any] | str:
    """The report of one side, or what went wrong."""
    script = str(REPOSITORY / "benchmarks" / "metrics_sides.py")
    command = [sys.executable, script, side, *map(str, files)]
    command.append(str(0 if side in SLOW_SIDES else repeats))
    variables = dict.fromkeys(THREAD_VARIABLES, str(threads))
    done = subprocess.run(
        command,
        env={**os.environ, **variables, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    last_line = done.stderr.strip().rsplit("\n", 1)[-1]
    return json.loads(last_line) if done.returncode == 0 else last_line


def made_set(name: str, folder: Path) -> tuple[Path, Path]:
    """Paths of a set, made by a process of its own.

    Linux counts the most memory of this one to each that it starts.
    """
    program = (
        "import sys, pathlib; from metrics_data import SIZES, make_set; "
        "make_set(SIZES[sys.argv[1]], pathlib.Path(sys.argv[2]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "benchmarks")}
    command = [sys.executable, "-c", program, name, str(folder / name)]
    subprocess.run(command, env=environment, check=True)
    return folder / name / "ground_truth.json", folder / name / "detections.json"


def run_whole(
    side: str, files: tuple[Path, Path], threads: int
) -> tuple[float, float, float]:
    """Wall and CPU seconds and peak MB of a process from its start to its end."""
    script = str(REPOSITORY / "benchmarks" / "metrics_sides.py")
    command = {
        "nothing": ["-c", "import numpy"],
        "score": [
            "-m",
            "pipeline",
            "score",
            "--difficult",
            "plain",
            "--json",
            "--data",
        ],
    }.get(side, [script, side])
    if side == "score":
        command += [str(files[0]), "--detections", str(files[1])]
    elif side != "nothing":
        command += [*map(str, files), "0"]
    cores = sorted(os.sched_getaffinity(0))[:threads]
    variables = {
        **dict.fromkeys(THREAD_VARIABLES, str(threads)),
        "PYTHONPATH": str(REPOSITORY),
    }
    pinned = ["taskset", "--cpu-list", ",".join(map(str, cores))]
    environment = {**os.environ, **variables}
    # or each of ours would be compiled anew, as no installed program is
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    process = subprocess.Popen(
        [*pinned, sys.executable, *command],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if status:
        raise SystemExit(f"{side} failed: {' '.join(command)}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def compare_whole(
    title: str, sides: list[str], files: tuple[Path, Path], rounds: int
) -> None:
    print(f"\n{title}, whole processes, the least of {rounds}")
    print(f"{'side':<24} {'threads':>7} {'wall s':>7} {'CPU s':>7} {'peak MB':>8}")
    for threads in sorted({1, os.cpu_count() or 1}):
        runs: dict[str, list[tuple[float, float, float]]] = {s: [] for s in sides}
        for _ in range(rounds):
            for side in sides:
                runs[side].append(run_whole(side, files, threads))
        for side, measured in runs.items():
            wall, cpu, _ = map(min, zip(*measured, strict=True))
            peak = max(memory for _, _, memory in measured)
            print(f"{side:<24} {threads:>7} {wall:>7.2f} {cpu:>7.2f} {peak:>8.0f}")


def missing_sides(sides: list[str]) -> list[str]:
    modules = {side: side.replace("-", "_") for side in sides if side != "ours"}
    return [
        side
        for side, module in modules.items()
        if importlib.util.find_spec(module) is None
    ]


def print_table(title: str, reports: dict[tuple[str, int], dict[str, Any]]) -> None:
    print(f"\n{title}")
    print(
        f"{'side':<26} {'threads':>7} {'load s':>7} {'fresh s':>8} {'total s':>8} "
        f"{'warm s':>7} {'CPU s':>7} {'ratio':>6} {'peak MB':>8} {'off by':>8}"
    )
    exact = reports.get(("pycocotools", 1), reports[("ours", 1)])["numbers"]
    for (side, threads), report in reports.items():
        base = reports[("ours", threads)]
        off = max(abs(a - b) for a, b in zip(report["numbers"], exact, strict=True))
        version = "" if side == "ours" else f" {report['version']}"
        print(
            f"{side + version:<26} {threads:>7} {report['load_s']:>7.2f} "
            f"{report['fresh_s']:>8.3f} {report['load_s'] + report['fresh_s']:>8.2f} "
            f"{report['warm_s']:>7.3f} {report['warm_cpu_s']:>7.3f} "
            f"{report['warm_s'] / base['warm_s']:>6.1f} "
            f"{report['peak_mb']:>8.0f} {off:>8.1e}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--sets", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--whole", type=int, default=0, metavar="ROUNDS")
    args = parser.parse_args()
    missing = missing_sides(args.sides)
    for side in missing:
        print(f"{side} cannot be imported: left out")
    cores = os.cpu_count() or 1
    print(f"{cores} cores, Python {sys.version.split()[0]}, {sys.platform}")
    with tempfile.TemporaryDirectory() as folder:
        for name in args.sets:
            files = made_set(name, Path(folder))
            if args.whole:
                here = [side for side in args.sides if side not in missing]
                compare_whole(name, ["nothing", "score", *here], files, args.whole)
                continue
            reports: dict[tuple[str, int], dict[str, Any]] = {}
            for side in args.sides:
                for threads in sorted({1, cores}):
                    one_is_all = side in ("pycocotools", "torchmetrics")
                    if side in missing or (one_is_all and threads > 1):
                        continue
                    report = run_side(side, files, threads, args.repeats)
                    if isinstance(report, str):
                        print(f"{side} failed: {report}")
                    else:
                        reports[(side, threads)] = report
            print_table(name, reports)


if __name__ == "__main__":
    main()

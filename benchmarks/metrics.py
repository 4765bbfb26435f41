"""How fast and how exact is the COCO metric beside the others?

    python benchmarks/metrics.py [--sides ours hotcoco ...] [--sets voc07-test-like ...]

Run it with an interpreter that has NumPy and whichever of pycocotools, hotcoco,
vernier, faster-coco-eval, torchmetrics are to be compared; those it cannot import are
named and left out. Every side runs in a process of its own, with one thread and with
as many as there are cores: files -> its own objects ("load"), objects -> the twelve
numbers ("fresh" in a new process, "warm" the best of some more; the slow sides run
once), all of it in a fresh process ("total", imports included), and its peak memory.
Ratios are of warm evaluation to ours with as many threads; "off by" is the largest
difference from pycocotools in the twelve numbers.

CPU seconds stand beside the wall time because they suffer less from whatever else the
machine does.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "benchmarks")]

from metrics_data import SIZES, make_set  # noqa: E402
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
    args = parser.parse_args()
    missing = missing_sides(args.sides)
    for side in missing:
        print(f"{side} cannot be imported: left out")
    cores = os.cpu_count() or 1
    print(f"{cores} cores, Python {sys.version.split()[0]}, {sys.platform}")
    with tempfile.TemporaryDirectory() as folder:
        for name in args.sets:
            files = make_set(SIZES[name], Path(folder) / name)
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

"""What does a runner cost beside this machine's own processes?

    make bench-flink SOURCE=VOCdevkit/VOC2007
    python benchmarks/runners.py --source VOCdevkit/VOC2007 --sides local prism

Makes data of the images of a VOC directory as `benchmarks/ingest.py` does, then runs
`voc-pipeline ingest` on it in turns: `local`, `prism` if it is on PATH, and `flink`
with a parallelism of 1 and 2 on the cluster of `tests/engines`, which `--flink` names
(`make bench-flink` starts it in a network of its own, since Beam's servers listen on
all addresses). Flink has run three small jobs before.

With `--evaluator` it is the Evaluator's stage instead, on the data and with the models
of `benchmarks/evaluator.py`, which know by heart what they find: candidate and served
model. What both take alone is printed first; metrics, verdict and kept detections must
be equal to the last bit.

Each side is run of this tree and of the one at `--against`.
Prints seconds, the CPU seconds of the command and of all it started,
for Flink also of the cluster meanwhile, by process, and the most memory that all of
them held together (shared pages counted for each). Every output must be equal to the
first to the last byte.
"""

import argparse
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from evaluator import written
from ingest import HERE, MemoryWatch, copy_images, drawn_sample

sys.path.insert(0, str(HERE / "tests/engines"))
sys.path.insert(0, str(HERE))

from flink_cluster import FlinkCluster, children_of
from flink_cluster import options as flink_options

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> tuple[float, float]:
    """Of a process itself, and of its children, those that ended included."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        below = sum(sum(cpu_seconds(child)) for child in children_of(pid))
    except OSError:  # it is gone, and its parent has what it took
        return 0.0, 0.0
    user, system, waited_user, waited_system = map(int, fields[11:15])
    return (user + system) / TICKS, (waited_user + waited_system) / TICKS + below


def spent(cluster: FlinkCluster | None) -> dict[str, float]:
    """CPU seconds of a cluster by process, and of the workers that it started."""
    found = {"workers": 0.0} if cluster else {}
    for name, process in cluster.processes.items() if cluster else ():
        found[name], of_children = cpu_seconds(process.pid)
        found["workers"] += of_children
    return found


def in_turns(
    sides: list[str], trees: list[Path], rounds: int
) -> Iterator[tuple[int, str, Path]]:
    """Every side of each tree once, then again."""
    for number in range(rounds):
        for side in sides:
            for tree in trees:
                yield number, side, tree


class Bench:
    """One data set, and the sides that read it."""

    def __init__(self, data: Path, place: Path, flink: FlinkCluster | None) -> None:
        self._data, self._place, self._flink = data, place, flink
        self._config = place / "any.json"
        self._config.write_text('{"max_rejected_images": 1, "max_dropped_objects": 1}')
        self._first: Path | None = None

    def options(self, side: str, tree: Path) -> list[str]:
        """Of the command, for a side."""
        name, _, parallelism = side.partition("-")
        if name != "flink":
            return ["--runner", name]
        return flink_options(self._place, parallelism, tree)

    def command(self, data: Path, out: Path) -> list[str]:
        """What is run, but for the engine."""
        command = [sys.executable, "-P", "-m", "pipeline", "ingest", str(data)]
        command += ["--output", str(out), "--quiet"]
        return [*command, "--config", str(self._config)]

    def measure(self, side: str, tree: Path, data: Path | None = None) -> str:
        """Runs one ingest; what it cost, as a line."""
        out = self._place / "out"
        command = [*self.command(data or self._data, out), *self.options(side, tree)]
        cluster = self._flink if "flink" in side else None
        os.sync()
        before, start = spent(cluster), time.monotonic()
        used = os.times()
        watch = MemoryWatch(os.getpid())
        try:
            environment = {**os.environ, "PYTHONPATH": str(tree)}
            subprocess.run(command, check=True, env=environment)
        finally:
            peak = watch.stop()  # its thread would outlive an error
        wall, after = time.monotonic() - start, spent(cluster)
        done = os.times()
        costs = {"command": _of_children(done) - _of_children(used)}
        costs |= {name: after[name] - before[name] for name in before}
        if data is None:
            self.compare(out)
        shutil.rmtree(out, ignore_errors=True)
        parts = ", ".join(f"{name} {cost:.1f}" for name, cost in costs.items())
        total = sum(costs.values())
        name = side if tree == HERE else f"{side} of {tree.name}"
        return f"{name:20} {wall:6.1f} s {total:6.1f} CPU-s {peak:6.0f} MB   {parts}"

    def compare(self, out: Path) -> None:
        """AssertionError unless an output is that of the first side."""
        if self._first is None:
            self._first = self._place / "first"
            out.rename(self._first)
            return
        names = sorted(p.relative_to(out) for p in out.rglob("*") if p.is_file())
        same, *others = filecmp.cmpfiles(out, self._first, names, shallow=False)
        there = [path for path in self._first.rglob("*") if path.is_file()]
        assert len(same) == len(there) == len(names), others


class EvaluatorBench(Bench):
    """The Evaluator's stage instead of ingest."""

    def command(self, data: Path, out: Path) -> list[str]:
        """What is run, but for the engine."""
        return [*part("stage", data), "--output", str(out)]

    def options(self, side: str, tree: Path) -> list[str]:
        """Of the command, for a side; on this machine none."""
        return [] if side == "local" else super().options(side, tree)

    def compare(self, out: Path) -> None:
        """The same of what the stage leaves to those that follow."""
        if self._first is None:
            self._first = self._place / "first"
            out.rename(self._first)
        else:
            assert written(out) == written(self._first)


def part(name: str, data: Path, images: int = 0) -> list[str]:
    """A part of `benchmarks/evaluator.py`, as a command."""
    command = [sys.executable, str(HERE / "benchmarks/evaluator.py"), "--part", name]
    return [*command, "--folder", str(data), "--images", str(images)]


def make_data(args: argparse.Namespace, place: Path) -> type[Bench]:
    """Writes `VOC`, and for a cluster's first jobs `few`; what reads it."""
    wanted = {"VOC": args.images, "few": 300} if args.flink else {"VOC": args.images}
    source = None if args.evaluator else args.source or drawn_sample(place)
    for name, images in wanted.items():
        if source:
            copy_images(source, place / name, images)
        else:
            environment = {**os.environ, "PYTHONPATH": str(HERE)}
            write = part("data", place / name, images)
            subprocess.run(write, check=True, env=environment)
    if args.evaluator:
        ask = part("inference", place / "VOC", args.images)
        print("models alone: wall, CPU-s", flush=True)
        subprocess.run(ask, check=True, env={**os.environ, "PYTHONPATH": str(HERE)})
    return EvaluatorBench if args.evaluator else Bench


def _of_children(times: os.times_result) -> float:
    return times.children_user + times.children_system


def main() -> None:
    """Prints one line per side and round."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, help="VOC directory (default: drawn)")
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--flink", type=Path, help="what flink_cluster.py installed")
    parser.add_argument("--against", type=Path, help="another checkout of this project")
    parser.add_argument("--evaluator", action="store_true", help="instead of ingest")
    parser.add_argument("--sides", nargs="*", help="default: all that are there")
    args = parser.parse_args()
    sides = ["local", *(["prism"] if shutil.which("prism") else [])]
    sides += ["flink-1", "flink-2"] if args.flink else []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        kind = make_data(args, place)
        flink = FlinkCluster(args.flink, place / "cluster") if args.flink else None
        try:
            bench = kind(place / "VOC", place, flink)
            if flink:
                flink.start()
                for _ in range(3):
                    bench.measure("flink-2", HERE, place / "few")
            trees = [HERE, *([args.against.resolve()] if args.against else [])]
            for number, side, tree in in_turns(args.sides or sides, trees, args.rounds):
                print(number, bench.measure(side, tree), flush=True)
        finally:
            if flink:
                flink.stop()


if __name__ == "__main__":
    main()

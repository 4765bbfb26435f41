"""Seconds a training step: our RetinaNet against KerasHub's and KerasCV's.

Each side runs in a process of its own, with the Python of its own environment. Same
backbone (a ResNet v1), images, boxes, optimiser, batch, threads and float32; all have
256-wide heads of four convolutions and nine anchors per cell. The processes take turns,
so that a busy machine slows all; the median step of each is compared. Prints all sides,
their peak memory, the ratios, and where our step spends its time.

    python benchmarks/train_step.py --keras-cv-python OTHER/bin/python
        [--keras-hub-python OTHER/bin/python] [--size 256] [--batch 4]
        [--backbone resnet18] [--frozen] [--steps 5] [--rounds 3] [--threads 2]

KerasHub comes with this project; KerasCV 0.9 needs an environment of its own:
`pip install keras-cv==0.9.0 "tensorflow-cpu==2.16.*" "keras<3.4"`.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

WORKER = Path(__file__).with_name("train_step_sides.py")


def main() -> None:
    arguments = parse()
    pythons = {
        "ours": sys.executable,
        "keras-hub": arguments.keras_hub_python,
        "keras-cv": arguments.keras_cv_python,
    }
    workers = {}
    for side, python in pythons.items():
        if not python:
            print(f"{side}: left out, as no --{side}-python is given")
            continue
        workers[side] = Worker(side, python, arguments)
        print(side, json.dumps(workers[side].reply()), flush=True)
    steps: dict[str, list[list[float]]] = {side: [] for side in workers}
    for _ in range(arguments.rounds):
        for side, worker in workers.items():
            steps[side] += worker.ask(arguments.steps)
    ends = {side: worker.ask(0) for side, worker in workers.items()}
    report(steps, ends)


def report(steps: dict[str, list[list[float]]], ends: dict[str, dict]) -> None:
    medians = {}
    for side, taken in steps.items():
        walls, cpus = zip(*taken, strict=True)
        medians[side] = statistics.median(walls)
        print(
            f"{side:9} {medians[side]:.3f} s per step ({min(walls):.3f} to "
            f"{max(walls):.3f}), {statistics.median(cpus):.3f} CPU-s, "
            f"peak memory {ends[side]['memory_mib']:.0f} MiB"
        )
    for side in medians.keys() - {"ours"}:
        print(f"ratio {side} / ours: {medians[side] / medians['ours']:.2f}")
    parts = ends["ours"]["parts_s"]
    parts["backward, optimiser"] = medians["ours"] - sum(parts.values())
    shares = [f"{name} {s:.3f} s" for name, s in parts.items()]
    print("our step:", ", ".join(shares))


class Worker:
    """One side's process; sends numbers of steps, gets JSON back."""

    def __init__(self, side: str, python: str, arguments: argparse.Namespace) -> None:
        if not Path(python).is_file():
            sys.exit(f"--{side}-python: no file {python}; give the path of a Python")
        self.side = side
        self.process = subprocess.Popen(
            [python, WORKER, side, json.dumps(vars(arguments))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if arguments.verbose else subprocess.DEVNULL,
            text=True,
        )

    def ask(self, steps: int):
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        return self.reply()

    def reply(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.side} ended early; run with --verbose to see why")
        return json.loads(line)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keras-hub-python", default=sys.executable)
    parser.add_argument("--keras-cv-python", default="")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument(
        "--backbone", choices=("resnet18", "resnet50"), default="resnet18"
    )
    parser.add_argument("--frozen", action="store_true")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--verbose", action="store_true", help="show workers' errors")
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""What mAP does a preset reach on real data, and for how many CPU seconds?

    python benchmarks/accuracy.py raccoon BCCD --presets cpu_small cpu_scratch \
      --seeds 0 1 2 --root build/accuracy

runs the whole pipeline for each data set, preset and seed, one after the other, and
prints a row for each and one for the mean. CPU seconds are user and system time of all
processes of a run: ingest, training, evaluation, export, report. The errors are TIDE's
prices at IoU .5 on the split that was judged. A row that is under --root already is not
measured again, so a benchmark that was broken off goes on; one of other data or --set
is refused, and so is a run that was broken off itself, whose CPU seconds are not known.
"""

import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import sys

from components.evaluator.judged_images import JudgedImages
from trainer.metrics.assignment import assign
from trainer.metrics.error_types import KINDS, analyse_errors

NUMBERS = ("AP", "AP50", "AP75")
PUSHED_OR_REFUSED = (0, 1)


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(data, preset, seed, changes, root):
    """Runs the pipeline under `root`; returns its CPU seconds."""
    settings = [f"trainer.seed={seed}", "gate.min_ap50=0", *changes]
    command = [sys.executable, "-m", "pipeline", "run", "--data", str(data)]
    command += ["--root", str(root), "--preset", preset, "--quiet"]
    for setting in settings:
        command += ["--set", setting]
    before = cpu_seconds()
    done = subprocess.run(command, check=False)
    if done.returncode not in PUSHED_OR_REFUSED:
        sys.exit(f"{data}: exit status {done.returncode}")
    return cpu_seconds() - before


def last_run(root):
    told = subprocess.run(
        [sys.executable, "-m", "pipeline", "runs", str(root), "--json"],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(told.stdout)[-1]


def error_prices(root):
    """TIDE's kind -> AP50 that these errors cost."""
    judged = sorted(root.glob("DetectionEvaluator/evaluation_result/*/judged.npz"))
    images = JudgedImages.from_bytes(judged[-1].read_bytes())
    columns = images.columns
    found = assign(
        columns.ground_truths(),
        columns.detections(),
        num_classes=len(images.class_names),
        difficult=images.difficult,
    )
    return analyse_errors(found).delta_ap


def measured(data, preset, seed, changes, root):
    """One row; from the file that an earlier call left, if it did."""
    kept = root / "accuracy.json"
    made_of = {"data": str(data.resolve()), "set": changes}
    if kept.exists():
        row = json.loads(kept.read_text())
        if row.get("made_of") != made_of:
            sys.exit(f"{kept} is of {row.get('made_of')}: name another --root")
        return row
    if root.exists():
        sys.exit(f"{root} is of a run that was broken off: remove it, or name another")
    cpu = run(data, preset, seed, changes, root)
    told = last_run(root)
    row = {
        "made_of": made_of,
        "cpu": cpu,
        "training_s": told["stages"]["Trainer"]["seconds"],
        "judged_on": told["judged_on"],
        "metrics": told["metrics"],
        "errors": error_prices(root),
    }
    kept.write_text(json.dumps(row, indent=1))
    return row


def show(name, split, rows):
    """A row per seed, and under several the mean and half of the range."""
    for seed, row in rows.items():
        numbers = "  ".join(f"{row['metrics'][split][key]:.3f}" for key in NUMBERS)
        prices = ""
        if split == row["judged_on"]:
            prices = "  ".join(f"{kind} {row['errors'][kind]:.3f}" for kind in KINDS)
        print(
            f"{name:24s} {split:5s} {seed:4d}  {numbers}  {row['cpu']:5.0f}  {prices}"
        )
    if len(rows) > 1:
        values = [
            [row["metrics"][split][key] for row in rows.values()] for key in NUMBERS
        ]
        means = "  ".join(f"{statistics.fmean(of_key):.3f}" for of_key in values)
        spread = "  ".join(f"{(max(v) - min(v)) / 2:.3f}" for v in values)
        cpu = statistics.fmean(row["cpu"] for row in rows.values())
        print(f"{name:24s} {split:5s} mean  {means}  {cpu:5.0f}")
        print(f"{name:24s} {split:5s}  +/-  {spread}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", nargs="*", type=pathlib.Path)
    parser.add_argument("--presets", nargs="+", default=["cpu_small", "cpu_scratch"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE")
    parser.add_argument(
        "--root", type=pathlib.Path, default=pathlib.Path("build/accuracy")
    )
    args = parser.parse_args()
    if not args.data:
        print("no data given: python benchmarks/accuracy.py FOLDER...")
        return
    columns = ("data", "preset", "split", "seed", *NUMBERS, "CPU-s", "errors")
    print(", ".join(columns), flush=True)
    for data in args.data:
        for preset in args.presets:
            rows = {}
            for seed in args.seeds:
                root = args.root / f"{data.name}-{preset}-{seed}"
                rows[seed] = measured(data, preset, seed, args.set, root)
            for split in rows[args.seeds[0]]["metrics"]:
                show(f"{data.name} {preset}", split, rows)


if __name__ == "__main__":
    main()

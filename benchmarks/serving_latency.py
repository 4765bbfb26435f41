"""Milliseconds from a file's bytes to boxes: the served model against its exports.

Each side answers in a process of its own, one picture at a time, in turns with the
others: what else the machine does meets all of them. Printed are real and CPU
milliseconds (of each picture the least, of all pictures the median), against the first
side. Then where the served model's time goes.

    python benchmarks/serving_latency.py [--model runs/demo] [--before SAVED_MODEL]
        [--pictures 12] [--rounds 10] [--threads 1 2] [--formats openvino ...]

--before is another export of the same model as a SavedModel, by an earlier program.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np

from pipeline.export import ask, pictures
from pipeline.export.formats import FORMATS, missing
from pipeline.export.trial import make, training_files
from pipeline.prediction.version_path import version_path


def answer(folder, files, threads):
    """A side's process: for each number of a picture, what it took."""
    detector = ask.load(Path(folder), threads)
    encoded = [path.read_bytes() for path in sorted(Path(files).iterdir())]
    for line in sys.stdin:
        began, began_cpu = time.perf_counter(), time.process_time()
        detector.detect(encoded[int(line)])
        cpu, real = time.process_time() - began_cpu, time.perf_counter() - began
        sys.stdout.write(f"{real} {cpu}\n")
        sys.stdout.flush()


def start(folder, files, threads):
    command = [sys.executable, __file__, "--answer", folder, files, str(threads)]
    return subprocess.Popen(
        list(map(str, command)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
    )


def in_turns(sides, files, count, rounds, threads):
    """name -> (ms, CPU-ms)."""
    processes = {name: start(folder, files, threads) for name, folder in sides.items()}
    taken = {name: np.zeros((rounds + 1, count, 2)) for name in sides}
    for turn in range(rounds + 1):  # the first one warms up
        for picture in range(count):
            for name, process in processes.items():
                process.stdin.write(f"{picture}\n")
                process.stdin.flush()
                reply = process.stdout.readline().split()
                taken[name][turn, picture] = list(map(float, reply))
    for process in processes.values():
        process.stdin.close()
        process.wait()
    return {
        name: 1000 * np.median(values[1:].min(axis=0), axis=0)
        for name, values in taken.items()
    }


def stages(model_dir, encoded, rounds):
    """Where one thread's time goes: name of a part -> CPU-ms."""
    import tensorflow as tf

    from trainer.image import letterbox
    from trainer.model.detection.decoding import decode_detections
    from trainer.serving.frame_graph import PREDICTIONS
    from trainer.serving.read_back import read_back

    model, detector, _ = read_back(model_dir)
    size = detector.image_size
    anchors = np.concatenate([np.asarray(one) for one in model.anchors(*size)])
    decode = tf.function(letterbox.decode_image)
    fit = tf.function(lambda image: letterbox.letterbox_image(image, size)[0])
    features = tf.function(model.stages)

    @tf.function
    def heads(maps):
        found = model(maps, training=False)
        return {key: found[key] for key in PREDICTIONS}

    detect = tf.function(
        lambda predictions: decode_detections(
            predictions, anchors, size, model.config.box_variance, model.config.decoding
        )
    )
    parts = {
        "decode the file": decode,
        "letterbox": fit,
        "backbone": lambda frame: features(frame[None]),
        "pyramid and heads": heads,
        "boxes and NMS": detect,
    }
    least = {name: np.full(len(encoded), np.inf) for name in parts}
    for _ in range(rounds + 1):
        for row, one in enumerate(encoded):
            value = tf.constant(one)
            for name, part in parts.items():
                began = time.process_time()
                value = part(value)
                least[name][row] = min(least[name][row], time.process_time() - began)
    return {name: 1000 * float(np.median(values)) for name, values in least.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="runs/demo")
    parser.add_argument("--before", default="")
    parser.add_argument("--pictures", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    args = parser.parse_args()
    if not Path(args.model).is_dir():
        sys.exit(f"{args.model} is not there: `make demo` makes it, or name --model")
    import tensorflow as tf

    # before anything computes; the sides are processes of their own
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model = version_path(args.model)
    asked = pictures.pictures_of("", "eval", model)
    chosen = pictures.spread(asked.examples, args.pictures)
    with tempfile.TemporaryDirectory() as temporary:
        files = Path(temporary, "files")
        files.mkdir()
        for row, encoded in enumerate(chosen):
            (files / f"{row:03d}").write_bytes(encoded)
        sides = {"before": args.before} if args.before else {}
        sides["served"] = model
        for name in args.formats:
            if missing(name):
                print(f"{name}: {missing(name)}")
                continue
            sides[name] = Path(temporary, name)
            make(name, model, sides[name], lambda: training_files(asked))
        for threads in args.threads:
            print(f"threads: {threads}, {len(chosen)} pictures, {args.rounds} rounds")
            costs = in_turns(sides, files, len(chosen), args.rounds, threads)
            first = next(iter(costs.values()))
            for name, (real, cpu) in costs.items():
                print(
                    f"  {name:14} {real:7.2f} ms ({first[0] / real:.2f}x)  "
                    f"{cpu:7.2f} CPU-ms ({first[1] / cpu:.2f}x)"
                )
        print("where the served model's time goes, CPU-ms on one thread")
        for name, cpu in stages(model, chosen, args.rounds).items():
            print(f"  {name:18} {cpu:6.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--answer"]:
        answer(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main()

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
import collections
import os
import re
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


def part_of(name, operation):
    """What an operation of the served graph belongs to."""
    if "Conv2" in operation:  # and what is fused with it
        return "convolutions"
    if operation == "DecodeImage":
        return "decode the file"
    if operation in ("ScaleAndTranslate", "ResizeBilinear"):
        return "scale"
    if "map/" in name:
        return "rest of the letterbox"
    if re.search("backbone|efficientnet|pyramid|head", name):
        return "rest of the network"
    return "boxes and NMS"


def stages(model_dir, encoded, rounds):
    """Where one thread's time goes, by TensorFlow's trace: name of a part -> ms.

    Of each operation the least of all rounds.
    """
    import tensorflow as tf
    from tensorflow.python.framework import convert_to_constants

    v1 = tf.compat.v1
    signature = tf.saved_model.load(model_dir).signatures["serving_default"]
    served = convert_to_constants.convert_variables_to_constants_v2(signature)
    options = v1.RunOptions(
        trace_level=v1.RunOptions.FULL_TRACE, output_partition_graphs=True
    )
    one_thread = v1.ConfigProto(
        intra_op_parallelism_threads=1, inter_op_parallelism_threads=1
    )
    least = {}
    with v1.Session(graph=served.graph, config=one_thread) as session:
        outputs = [output.name for output in served.outputs]
        for _ in range(rounds + 1):
            trace = v1.RunMetadata()
            fed = {served.inputs[0].name: [encoded]}
            session.run(outputs, fed, options=options, run_metadata=trace)
            graphs = trace.partition_graphs
            operations = {n.name: n.op for graph in graphs for n in graph.node}
            took = collections.Counter()  # an operation may run several times
            for device in trace.step_stats.dev_stats:
                for node in device.node_stats:
                    took[node.node_name] += node.op_end_rel_nanos / 1e6
                    took[node.node_name] -= node.op_start_rel_nanos / 1e6
            for name, ms in took.items():
                least[name] = min(least.get(name, ms), ms)
    parts = collections.Counter()
    for name, ms in least.items():
        parts[part_of(name, operations.get(name, ""))] += ms
    return dict(parts.most_common())


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
        print("where the served model's time goes, ms of one picture on one thread")
        for name, ms in stages(model, chosen[0], 3 * args.rounds).items():
            print(f"  {name:22} {ms:6.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--answer"]:
        answer(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main()

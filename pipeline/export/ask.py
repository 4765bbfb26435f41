"""Asks a model about pictures as whoever serves it would, and says what that took.

    python -m pipeline.export.ask MODEL PICTURES ANSWERS THREADS

MODEL is a SavedModel, or an export, which its own `detect.py` asks. PICTURES is a
folder of files; the detections go to ANSWERS (.npz). A process of its own, so that
threads and memory are those of one runtime. Prints one JSON object.
"""

import argparse
import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from schemas.own_process import most_memory_mib

_TIMED = 20  # pictures
_ROUNDS = 7


class _SavedModel:
    """TensorFlow, asked by the signature that takes bytes."""

    def __init__(self, folder: Path, threads: int) -> None:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        self._constant = tf.constant
        self._model = tf.saved_model.load(str(folder))  # keeps the variables alive
        self._signature = self._model.signatures["serving_default"]

    def detect(self, encoded: bytes) -> dict[str, Any]:
        outputs = self._signature(image_bytes=self._constant([encoded]))
        count = int(outputs["num_detections"].numpy()[0])
        names = ("boxes", "scores", "classes")
        return {name: outputs[name].numpy()[0, :count] for name in names}


def load(folder: Path, threads: int) -> Any:
    """What asks the model in a folder: it has `detect`, bytes -> arrays."""
    if (folder / "saved_model.pb").exists():
        return _SavedModel(folder, threads)
    # the file that is given away, not ours
    spec = importlib.util.spec_from_file_location("detect", folder / "detect.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Detector(folder, threads)


def _time(detector: Any, pictures: list[bytes]) -> dict[str, float]:
    """Median over pictures of the least time that each took: real and of the CPU."""
    real, cpu = np.zeros((2, _ROUNDS, len(pictures)))
    for turn in range(_ROUNDS):
        for row, encoded in enumerate(pictures):
            began, began_cpu = time.perf_counter(), time.process_time()
            detector.detect(encoded)
            cpu[turn, row] = time.process_time() - began_cpu
            real[turn, row] = time.perf_counter() - began
    return {
        "ms": 1000 * float(np.median(real.min(axis=0))),
        "cpu_ms": 1000 * float(np.median(cpu.min(axis=0))),
    }


def main() -> int:
    """Answers for every picture; times some of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("model", "pictures", "answers"):
        parser.add_argument(name, type=Path)
    parser.add_argument("threads", type=int)
    args = parser.parse_args()
    detector = load(args.model, args.threads)
    pictures = [path.read_bytes() for path in sorted(args.pictures.iterdir())]
    found = [detector.detect(encoded) for encoded in pictures]
    columns = {
        name: np.concatenate([one[name] for one in found])
        for name in ("boxes", "scores", "classes")
    }
    counts = np.array([len(one["scores"]) for one in found])
    np.savez(args.answers, counts=counts, **columns)
    took = _time(detector, pictures[:_TIMED]) | {"memory_mib": most_memory_mib()}
    sys.stdout.write(json.dumps(took) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

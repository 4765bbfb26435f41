"""The export of a model that another backend trained, in a process with TensorFlow.

A SavedModel is a TensorFlow graph, and Keras has one backend per process. So weights
go to a process of the TensorFlow backend, which builds the same model around them.

    KERAS_BACKEND=tensorflow python -m trainer.serving.other_backend FOLDER MODEL_DIR
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from keras import ops

from schemas import own_process
from schemas.config_json import from_json, to_json
from schemas.label_map import LABEL_MAP_FILENAME, LabelMap
from trainer.model.build import build_without_weights
from trainer.model.config import DetectorConfig
from trainer.model.retinanet import RetinaNet
from trainer.serving.saved_model import DETECTOR_FILENAME, export_model

WEIGHTS_FILENAME = "weights.npz"


def export_with_tensorflow(
    model: RetinaNet, image_size: tuple[int, int], label_map: LabelMap, directory: str
) -> None:
    """What `export_model` does, for a model of any backend.

    Raises RuntimeError with the last of what the process said, should it fail.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        detector = DetectorConfig(model=model.config, image_size=image_size)
        (folder / DETECTOR_FILENAME).write_text(to_json(detector), encoding="utf-8")
        label_map.to_file(folder / LABEL_MAP_FILENAME)
        # in order: the same config makes the same variables under every backend
        np.savez(folder / WEIGHTS_FILENAME, *map(ops.convert_to_numpy, model.variables))
        done = subprocess.run(
            [
                *own_process.command("trainer.serving.other_backend"),
                name,
                directory,
            ],
            check=False,
            capture_output=True,
            text=True,
            # this process holds the GPU's memory, and copying weights needs none
            env=own_process.environment(
                KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="-1"
            ),
        )
    if done.returncode:
        raise RuntimeError(
            f"the export under TensorFlow failed:\n{done.stderr.strip()[-2000:]}"
        )


def _export(folder: Path, directory: str) -> None:
    text = (folder / DETECTOR_FILENAME).read_text("utf-8")
    detector = from_json(DetectorConfig, text, "detector")
    label_map = LabelMap.from_file(folder / LABEL_MAP_FILENAME)
    model = build_without_weights(detector.model, len(label_map))
    with np.load(folder / WEIGHTS_FILENAME) as weights:
        for variable, name in zip(model.variables, weights, strict=True):
            variable.assign(weights[name])
    export_model(model, detector.image_size, label_map, directory)


if __name__ == "__main__":
    _export(Path(sys.argv[1]), sys.argv[2])

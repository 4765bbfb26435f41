"""An export as it is given away: the model, what it must be told, and who asks it.

A folder holds the model in one format, `label_map.txt`, `detector.json` and what asks
it, `detect.py`; and `anchors.npy` where the model gives predictions, not detections. A
SavedModel needs none of that: it takes bytes and gives boxes itself.
"""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from schemas.label_map import LABEL_MAP_FILENAME
from trainer.model.config import DetectorConfig
from trainer.serving import detect
from trainer.serving.litert import Frames, to_litert, to_litert_int8
from trainer.serving.onnx_graph import to_onnx
from trainer.serving.openvino_graph import require_bfloat16, write_openvino
from trainer.serving.read_back import read_back
from trainer.serving.saved_model import export_model

ANCHORS_FILENAME = "anchors.npy"
Write = Callable[[Any, tuple[int, int], Path, Frames], None]


@dataclasses.dataclass(frozen=True)
class _Format:
    """How a format is made.

    Attributes:
      runtime: of `detect.py`, that runs it.
      file: the model's name in the folder.
      decodes: whether the graph gives detections; else `detect.py` decodes.
      write: model, frame size, path of the file, frames to calibrate with.
    """

    runtime: str
    file: str
    decodes: bool
    write: Write


def _litert(model: Any, size: tuple[int, int], path: Path, frames: Frames) -> None:
    path.write_bytes(to_litert(model, size))


def _litert_int8(model: Any, size: tuple[int, int], path: Path, frames: Frames) -> None:
    path.write_bytes(to_litert_int8(model, size, frames))


def _openvino(model: Any, size: tuple[int, int], path: Path, frames: Frames) -> None:
    write_openvino(model, size, path)


def _openvino_bf16(
    model: Any, size: tuple[int, int], path: Path, frames: Frames
) -> None:
    require_bfloat16()
    write_openvino(model, size, path)


def _onnx(model: Any, size: tuple[int, int], path: Path, frames: Frames) -> None:
    path.write_bytes(to_onnx(model, size))


_FORMATS = {
    "litert": _Format("litert", "model.tflite", True, _litert),
    "litert_int8": _Format("litert", "model.tflite", False, _litert_int8),
    "openvino": _Format("openvino", "model.xml", False, _openvino),
    "openvino_bf16": _Format("openvino_bf16", "model.xml", False, _openvino_bf16),
    "onnx": _Format("onnx", "model.onnx", False, _onnx),
}


def write_export(name: str, model_dir: str, folder: Path, frames: Frames) -> None:
    """The model of `export_model` in `model_dir` -> `folder`, in the format `name`.

    `frames` uint8 [H, W, 3] are letterboxed training pictures; only `litert_int8` looks
    at them. Raises UserError if `model_dir` holds no model of ours, or of other code.
    """
    model, detector, label_map = read_back(model_dir)
    if name == "saved_model":
        export_model(model, detector.image_size, label_map, str(folder))
        return
    made = _FORMATS[name]
    folder.mkdir(parents=True, exist_ok=True)
    made.write(model, detector.image_size, folder / made.file, frames)
    about = {
        "runtime": made.runtime,
        "model": made.file,
        "frame_size": detector.image_size,
        "class_names": label_map.names,
        "decoding": None if made.decodes else _decoding(detector),
    }
    if not made.decodes:
        anchors = [np.asarray(one) for one in model.anchors(*detector.image_size)]
        np.save(folder / ANCHORS_FILENAME, np.concatenate(anchors).astype(np.float32))
    (folder / detect.DETECTOR_FILENAME).write_text(
        json.dumps(about, indent=1), encoding="utf-8"
    )
    label_map.to_file(folder / LABEL_MAP_FILENAME)
    shutil.copyfile(detect.__file__, folder / "detect.py")


def _decoding(detector: DetectorConfig) -> dict[str, Any]:
    """What `detect.decode` takes."""
    return {
        **dataclasses.asdict(detector.model.decoding),
        "box_variance": detector.model.box_variance,
        "anchors": ANCHORS_FILENAME,
    }

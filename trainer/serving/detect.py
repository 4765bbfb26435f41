"""Asks an exported detector about pictures: NumPy, Pillow and one runtime, no more.

    python detect.py PICTURE ...

This file lies beside an export and reads `detector.json` there. It is whole in itself:
the export was judged by it, from a file's bytes to boxes, and may be served by it.
"""

import io
import json
import math
import struct
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

DETECTOR_FILENAME = "detector.json"
_PAD_VALUE = 114  # what training pads frames with
_MAX_LOG_SCALE = math.log(1000.0 / 16.0)  # as in training: a box 62 times its anchor
_EPSILON_PX2 = 1e-7
_TURNED_BY = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow raises on an EXIF block that breaks off or makes no sense.
_BROKEN_EXIF = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError),
    *(OverflowError, struct.error),
)
_BROKEN_PICTURE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
Floats = npt.NDArray[np.float32]
Run = Callable[[npt.NDArray[np.uint8]], Mapping[str, npt.NDArray[Any]]]


class Detector:
    """An export and its runtime, on the CPU.

    Attributes:
      class_names: in the order of the class ids.
      frame_size: (height, width) of the frame that the model looks at.
    """

    def __init__(self, folder: str | Path, threads: int = 1) -> None:
        folder = Path(folder)
        about = json.loads((folder / DETECTOR_FILENAME).read_text("utf-8"))
        self.class_names: list[str] = about["class_names"]
        self.frame_size: tuple[int, int] = tuple(about["frame_size"])
        self._decoding: dict[str, Any] | None = about["decoding"]
        self._run = _RUNTIMES[about["runtime"]](str(folder / about["model"]), threads)
        if self._decoding is not None:
            self._anchors = np.load(folder / self._decoding["anchors"])

    def detect(self, encoded: bytes) -> dict[str, npt.NDArray[Any]]:
        """What it finds in a JPEG or PNG file, best first.

        The model is shown the picture upright, as EXIF says. Returns boxes [D, 4]
        float32 (xyxy px of the picture as it is stored), scores [D] float32, classes
        [D] int64.
        """
        image = read_image(encoded)
        frame, scale, offset = letterbox(image, self.frame_size)
        outputs = self._run(frame[None])
        if self._decoding is None:
            count = int(outputs["num_detections"][0])
            boxes, scores = outputs["boxes"][0, :count], outputs["scores"][0, :count]
            classes = outputs["classes"][0, :count].astype(np.int64)
        else:
            boxes, scores, classes = decode(
                outputs["class_logits"][0],
                outputs["box_deltas"][0],
                self._anchors,
                self.frame_size,
                self._decoding,
            )
        in_image = (boxes - np.tile(offset, 2)) / np.tile(scale, 2)
        limits = np.tile(np.array(image.size, np.float32), 2)
        boxes = np.clip(in_image, 0.0, limits)
        return {
            "boxes": as_stored(boxes, exif_orientation(encoded), image.size),
            "scores": scores,
            "classes": classes,
        }


class PictureError(ValueError):
    """Bytes that are no picture, or a broken one; the message says why."""


def read_image(encoded: bytes) -> Image.Image:
    """A picture's pixels upright, RGB; of 16 bits the high byte, alpha is dropped.

    Raises PictureError.
    """
    try:
        image = Image.open(io.BytesIO(encoded))
        return turned(as_rgb(image), orientation_of(image))
    except UnidentifiedImageError as error:  # which would name our buffer
        raise PictureError("cannot identify what kind of image it is") from error
    except _BROKEN_PICTURE as error:
        raise PictureError(str(error)) from error


def as_rgb(image: Image.Image) -> Image.Image:
    """The same as it is stored; Pillow alone makes 16 bits white."""
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image.convert("RGB")


def exif_orientation(encoded: bytes) -> int:
    """By which EXIF turns the stored picture, 1 to 8; 1 where nothing does."""
    return orientation_of(Image.open(io.BytesIO(encoded)))


def orientation_of(image: Image.Image) -> int:
    """The same of an opened picture.

    EXIF alone is read, as in training. Pillow's `getexif` and `exif_transpose` look
    into XMP, too, which neither browsers nor annotation tools obey.
    """
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif", b""))
        value = exif.get(ExifTags.Base.Orientation, 1)
    except _BROKEN_EXIF:  # it says nothing about the pixels
        return 1
    return value if value in range(1, 9) else 1


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """A stored picture as it is to be seen."""
    if orientation == 1:
        return image
    return image.transpose(_TURNED_BY[orientation])


def as_stored(boxes: Floats, orientation: int, size: tuple[int, int]) -> Floats:
    """Boxes [D, 4] xyxy px of an upright picture of (width, height) -> as stored."""
    left, top, right, bottom = boxes.T
    if orientation in (2, 3, 6, 7):
        left, right = size[0] - right, size[0] - left
    if orientation in (3, 4, 7, 8):
        top, bottom = size[1] - bottom, size[1] - top
    sides = (left, top, right, bottom)
    if orientation >= 5:  # rows and columns change places
        sides = (top, left, bottom, right)
    return np.stack(sides, axis=1)


def letterbox(
    image: Image.Image, frame_size: tuple[int, int]
) -> tuple[npt.NDArray[np.uint8], Floats, Floats]:
    """Scales a picture to fit, then pads it evenly.

    Returns the frame uint8 [H, W, 3], and scale and offset as (x, y): frame = image *
    scale + offset.
    """
    frame_h, frame_w = frame_size
    size = np.array([image.height, image.width], np.float32)
    ratio = np.float32(min(np.array([frame_h, frame_w], np.float32) / size))
    fitted = np.clip(np.round(size * ratio).astype(int), 1, [frame_h, frame_w])
    height, width = fitted.tolist()
    top, left = (frame_h - height) // 2, (frame_w - width) // 2
    if (width, height) != image.size:
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    frame = np.full((frame_h, frame_w, 3), _PAD_VALUE, np.uint8)
    frame[top : top + height, left : left + width] = np.asarray(image)
    scale = np.array([width / size[1], height / size[0]], np.float32)
    return frame, scale, np.array([left, top], np.float32)


def decode(
    logits: Floats,
    deltas: Floats,
    anchors: Floats,
    frame_size: tuple[int, int],
    config: Mapping[str, Any],
) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """What the model predicts for its anchors -> detections, best first.

    logits [A, K], deltas [A, 4], anchors [A, 4] xyxy px of the frame. Returns boxes
    [D, 4] xyxy px of the frame, scores [D], classes [D].
    """
    flat = logits.reshape(-1)
    least = float(config["score_from"])
    cut = math.log(least / (1.0 - least)) if least > 0 else -math.inf
    found = np.flatnonzero(flat >= cut)
    order = np.argsort(-flat[found], kind="stable")[: config["pre_nms_top_k"]]
    best = found[order]
    scores = (1.0 / (1.0 + np.exp(-flat[best].astype(np.float64)))).astype(np.float32)
    rows, classes = np.divmod(best, logits.shape[1])
    boxes = _boxes(deltas[rows], anchors[rows], config["box_variance"])
    height, width = frame_size
    limits = np.array([width, height, width, height], np.float32)
    boxes = np.clip(boxes, 0.0, limits)
    groups = np.zeros_like(classes) if config["class_agnostic_nms"] else classes
    kept = nms(boxes, groups, config["nms_iou"], config["max_detections"])
    return boxes[kept], scores[kept], classes[kept]


def _boxes(deltas: Floats, anchors: Floats, variance: list[float]) -> Floats:
    """Boxes [N, 4] xyxy px of deltas (dx, dy, dw, dh) / variance to anchors [N, 4]."""
    deltas = deltas * np.array(variance, np.float32)
    sizes = anchors[:, 2:] - anchors[:, :2]
    centers = deltas[:, :2] * sizes + (anchors[:, :2] + anchors[:, 2:]) / 2
    half = np.exp(np.minimum(deltas[:, 2:], np.float32(_MAX_LOG_SCALE))) * sizes / 2
    return np.concatenate([centers - half, centers + half], axis=1)


def nms(
    boxes: Floats, groups: npt.NDArray[Any], iou_from: float, wanted: int
) -> npt.NDArray[np.int64]:
    """Rows [D] that greedy non-maximum suppression keeps, at most `wanted`.

    boxes [N, 4] come best first; a box goes when a kept one of its group overlaps it by
    more than `iou_from`.
    """
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0)
    areas = sides[:, 0] * sides[:, 1]
    left: npt.NDArray[np.int64] = np.arange(len(boxes))
    kept: list[int] = []
    while len(left) and len(kept) < wanted:
        one, left = left[0], left[1:]
        kept.append(int(one))
        low = np.maximum(boxes[left, :2], boxes[one, :2])
        high = np.minimum(boxes[left, 2:], boxes[one, 2:])
        overlap = np.prod(np.maximum(high - low, 0.0), axis=1)
        union = np.maximum(areas[left] + areas[one] - overlap, _EPSILON_PX2)
        goes = (overlap / union > iou_from) & (groups[left] == groups[one])
        left = left[~goes]
    return np.array(kept, np.int64)


def _litert(path: str, threads: int) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path, num_threads=threads)
    runner = interpreter.get_signature_runner()
    return lambda frame: runner(frame=frame)


def _openvino(path: str, threads: int, precision: str = "f32") -> Run:
    import openvino

    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        # else each processor would choose, and not find what was judged
        "INFERENCE_PRECISION_HINT": precision,
    }
    model = openvino.Core().compile_model(path, "CPU", settings)
    names = [output.get_any_name() for output in model.outputs]

    def run(frame: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[Any]]:
        results = model(frame)
        return {name: results[number] for number, name in enumerate(names)}

    return run


def _onnx(path: str, threads: int) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
    )
    (taken,) = (one.name for one in session.get_inputs())
    names = [output.name for output in session.get_outputs()]

    def run(frame: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[Any]]:
        return dict(zip(names, session.run(names, {taken: frame}), strict=True))

    return run


def _openvino_bf16(path: str, threads: int) -> Run:
    """In bfloat16; a processor that has none computes in float32."""
    return _openvino(path, threads, "bf16")


_RUNTIMES = {
    "litert": _litert,
    "openvino": _openvino,
    "openvino_bf16": _openvino_bf16,
    "onnx": _onnx,
}


def main(paths: list[str]) -> int:
    """Prints a line of JSON for each picture; 1 where one is none, which is named.

    2 where no picture is given, or the runtime is not installed.
    """
    if not paths:
        sys.stderr.write("detect.py PICTURE ...: give at least one\n")
        return 2
    try:
        detector = Detector(Path(__file__).parent)
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0].replace("_", "-")
        sys.stderr.write(f"{package} is not installed: pip install {package}\n")
        return 2
    failed = 0
    for path in paths:
        try:
            found = detector.detect(Path(path).read_bytes())
        except (OSError, PictureError) as error:
            sys.stderr.write(f"{path} is no picture: {error}\n")
            failed = 1
            continue
        rows = zip(*(found[key].tolist() for key in found), strict=True)
        detections = [
            {"class": detector.class_names[number], "score": score, "box": box}
            for box, score, number in rows
        ]
        sys.stdout.write(json.dumps({"picture": path, "detections": detections}) + "\n")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

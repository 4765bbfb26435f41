"""TFMA's extracts of one example -> its objects and what a model found in it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from components.evaluator.coco_combine import ScoredImage
from schemas import tf_example

FEATURES = (
    tf_example.IMAGE_ID,
    tf_example.WIDTH,
    tf_example.HEIGHT,
    *tf_example.OBJECT_BOX,
    tf_example.CLASS_NAME,
    tf_example.DIFFICULT,
    tf_example.BRIGHTNESS,
    tf_example.SHA256,
)


def scored_image(
    features: Mapping[str, Any],
    predictions: Mapping[str, Any],
    class_names: Sequence[str],
) -> ScoredImage:
    """One example's features and one model's outputs -> what the metric needs."""
    ids = {class_name: number for number, class_name in enumerate(class_names)}
    image_id = _text(_values(features, tf_example.IMAGE_ID)[0])
    gt_names = [_text(name) for name in _values(features, tf_example.CLASS_NAME)]
    unknown = sorted(set(gt_names) - ids.keys())
    if unknown:
        raise ValueError(
            f"{tf_example.CLASS_NAME} of image {image_id} holds {unknown[0]!r}; "
            f"the metric's class_names are {', '.join(class_names)}"
        )
    num_detections = int(np.ravel(predictions["num_detections"])[0])
    names = [_text(name) for name in np.ravel(predictions["class_names"])]
    counted = np.array(
        [i for i, name in enumerate(names[:num_detections]) if name in ids], np.intp
    )
    difficult = _values(features, tf_example.DIFFICULT).astype(bool)
    return ScoredImage(
        image_id=image_id,
        gt_boxes=_pixel_boxes(features),
        gt_classes=np.array([ids[gt_name] for gt_name in gt_names], np.int64),
        gt_difficult=difficult if len(difficult) else np.zeros(len(gt_names), bool),
        boxes=np.reshape(predictions["boxes"], (-1, 4))[counted],
        classes=np.array([ids[names[i]] for i in counted], np.int64),
        scores=np.ravel(predictions["scores"])[counted],
        width=int(_values(features, tf_example.WIDTH)[0]),
        height=int(_values(features, tf_example.HEIGHT)[0]),
        brightness=_brightness(features),
        sha256=_text(_first(features, tf_example.SHA256, b"")),
    )


def _brightness(features: Mapping[str, Any]) -> float:
    """0..1, or NaN: ingest writes -1 where it was not to decode the image."""
    value = float(_first(features, tf_example.BRIGHTNESS, -1))
    return value if value >= 0 else math.nan


def _first(features: Mapping[str, Any], key: str, default: Any) -> Any:
    values = _values(features, key)
    return values[0] if len(values) else default


def _pixel_boxes(features: Mapping[str, Any]) -> npt.NDArray[np.float64]:
    """Ground truth boxes [G, 4], xyxy pixels.

    They are rounded to a thousandth of a pixel, which undoes the error of relative
    coordinates in float32: a box annotated in whole pixels is whole again, and its IoU
    the same as if the annotation had been read directly.
    """
    sides = [_values(features, key).astype(np.float64) for key in tf_example.OBJECT_BOX]
    width, height = (
        float(_values(features, key)[0])
        for key in (tf_example.WIDTH, tf_example.HEIGHT)
    )
    return np.round(np.stack(sides, axis=1) * [width, height, width, height], 3)


def _values(features: Mapping[str, Any], key: str) -> npt.NDArray[Any]:
    """A feature's values [N], however TFMA holds them; none where it is absent."""
    value: Any = features.get(key)
    if value is None:
        return np.zeros(0)
    # TFMA's sparse and ragged values are named tuples.
    return np.ravel(value.values if hasattr(value, "_fields") else value)


def _text(value: bytes | str) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return str(value)

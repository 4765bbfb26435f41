"""A model of ours for LiteRT (TensorFlow Lite), of builtin operations alone."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from trainer.serving.frame_graph import PREDICTIONS, FrameGraph, saved
from trainer.serving.saved_model import DETECTIONS

Frames = Iterable[npt.NDArray[np.uint8]]


def to_litert(model: Any, frame_size: tuple[int, int]) -> bytes:
    """A flatbuffer in float32, decoding and NMS included.

    Its signature `serving_default` takes `frame`, uint8 [1, H, W, 3] RGB, an image
    letterboxed to the size that it was trained with, and gives `boxes` [1, D, 4]
    float32 (xyxy px of the frame), `scores` [1, D] float32, `classes` [1, D] int32
    and `num_detections` [1] int32.
    """
    with saved(FrameGraph(model, frame_size, DETECTIONS)) as folder:
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        flatbuffer: bytes = converter.convert()
    return flatbuffer


def to_litert_int8(model: Any, frame_size: tuple[int, int], frames: Frames) -> bytes:
    """A flatbuffer of int8 weights and activations, as far as the predictions.

    It takes the same `frame` and gives `class_logits` [1, A, K] and `box_deltas`
    [1, A, 4] float32: 256 steps are too few for boxes in pixels, so these are computed
    from the deltas outside. `frames` uint8 [H, W, 3] are training pictures,
    letterboxed: each activation gets the range that they bring it to.
    """

    def calibration() -> Iterator[dict[str, npt.NDArray[np.uint8]]]:
        for frame in frames:
            yield {"frame": frame[None]}

    with saved(FrameGraph(model, frame_size, PREDICTIONS)) as folder:
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = calibration
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
            tf.lite.OpsSet.TFLITE_BUILTINS,  # the cast of the frame has no int8
        ]
        flatbuffer: bytes = converter.convert()
    return flatbuffer

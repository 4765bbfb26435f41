"""An exported model of ours as TensorFlow Lite, of builtin operations alone."""

import tempfile
from typing import Any

import tensorflow as tf

from schemas.label_map import LabelMap
from trainer.serving.read_back import read_back
from trainer.serving.saved_model import DETECTIONS


def convert_to_tflite(directory: str) -> tuple[bytes, LabelMap]:
    """The model that `export_model` wrote to `directory`: flatbuffer, and its classes.

    Its signature `serving_default` takes `frame`, uint8 [1, H, W, 3] RGB, an image
    letterboxed to the size that it was trained with, and gives `boxes` [1, D, 4]
    float32 (xyxy px of the frame), `scores` [1, D] float32, `classes` [1, D] int32
    and `num_detections` [1] int32. Batch and frame are fixed, bytes are not decoded,
    and classes have no names: strings and unknown sizes take operations that devices
    lack. Raises UserError if `directory` holds no model of ours, or one of other code.
    """
    model, detector, label_map = read_back(directory)
    with tempfile.TemporaryDirectory() as folder:
        module = _FrameModule(model, detector.image_size)
        tf.saved_model.save(module, folder, signatures=module.detect)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        flatbuffer: bytes = converter.convert()
    return flatbuffer, label_map


class _FrameModule(tf.Module):
    """One function of the model's variables, with a static shape."""

    def __init__(self, model: Any, frame_size: tuple[int, int]) -> None:
        super().__init__()
        self.model_variables = [variable.value for variable in model.variables]
        shape = [1, *frame_size, 3]

        @tf.function(input_signature=[tf.TensorSpec(shape, tf.uint8, name="frame")])
        def detect(frame: tf.Tensor) -> dict[str, tf.Tensor]:
            outputs = model(frame, training=False)
            return {name: outputs[name] for name in DETECTIONS}

        self.detect = detect

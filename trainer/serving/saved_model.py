"""The SavedModel: bytes, tf.Examples or pixels in; boxes of the original image out.

A file's picture is turned upright, as EXIF says, before the model sees it; boxes are in
its pixels as they are stored, as in records and in every number.
"""

import contextlib
import json
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from schemas import tf_example as keys
from schemas.config_json import to_json
from schemas.label_map import LABEL_MAP_FILENAME, LabelMap
from schemas.stored_weights import constants_of
from trainer.image.letterbox import (
    decode_and_letterbox,
    letterbox_batch,
    unletterbox_boxes,
)
from trainer.image.upright import stored_boxes
from trainer.model.build import copy_of
from trainer.model.config import DetectorConfig
from trainer.model.detection.nms import kernel_of_tensorflow
from trainer.model.parts.batch_norm import folded_into_convolutions
from trainer.model.retinanet import RetinaNet

EXTRA = "assets.extra"  # TensorFlow Serving's place for files that it does not read
DETECTOR_FILENAME = "detector_config.json"
VARIABLES_FILENAME = "variables.json"
# Constants save a quarter of the time of a picture, and TensorFlow keeps some twenty
# copies of them: 0.2 GB with 3.4 M parameters, 2.9 GB with the 36 M on a ResNet50.
_MOST_CONSTANTS = 8_000_000
DETECTIONS = ("boxes", "scores", "classes", "num_detections")


class ServingModule(tf.Module):
    """What is saved: the model's graph, once, and three functions that ask it.

    `model` is called with uint8 frames [B, H, W, 3] and gives detections in them. Its
    weights are constants of the graph where they are few, else variables
    (`model_variables`); `schemas.stored_weights` reads both.
    """

    def __init__(
        self, model: Any, frame_size: tuple[int, int], label_map: LabelMap
    ) -> None:
        super().__init__()
        constant = model.count_params() <= _MOST_CONSTANTS
        if not constant:
            self.model_variables = [variable.value for variable in model.variables]
        self._detect = _detector(model, frame_size, constant)
        self._frame_size = frame_size
        # padding (-1) takes the last name
        self._names = tf.constant([*label_map.names, ""])
        self._no_class = len(label_map.names)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def from_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """JPEG or PNG bytes [B] of any sizes."""
        return self._detections(*decode_and_letterbox(image_bytes, self._frame_size))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def from_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialized tf.Examples [B]; only the encoded image is read."""
        spec = {keys.ENCODED: tf.io.FixedLenFeature([], tf.string)}
        encoded = tf.io.parse_example(examples, spec)[keys.ENCODED]
        return self._detections(*decode_and_letterbox(encoded, self._frame_size))

    @tf.function(
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, name="images")]
    )
    def from_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Decoded images uint8 [B, H, W, 3], RGB."""
        as_they_are = tf.ones(tf.shape(images)[:1], tf.int32)
        letterboxed = letterbox_batch(images, self._frame_size)
        return self._detections(*letterboxed, as_they_are)

    def _detections(
        self,
        frames: tf.Tensor,
        letterbox: tf.Tensor,
        image_shapes: tf.Tensor,
        orientation: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        # TensorFlow's kernels fail on no images at all: one stands in, and is cut off.
        count = tf.shape(frames)[0]
        stand_in = [[0, tf.maximum(1 - count, 0)], [0, 0], [0, 0], [0, 0]]
        outputs = self._detect(tf.pad(frames, stand_in))
        detections = {name: outputs[name][:count] for name in DETECTIONS}
        is_detection = detections["classes"] >= 0
        boxes = unletterbox_boxes(detections["boxes"], letterbox, image_shapes)
        boxes = stored_boxes(boxes, orientation, image_shapes)
        detections["boxes"] = tf.where(is_detection[..., None], boxes, 0.0)
        name_indices = tf.where(is_detection, detections["classes"], self._no_class)
        detections["class_names"] = tf.gather(self._names, name_indices)
        return detections


def _detector(
    model: Any, frame_size: tuple[int, int], constant: bool
) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """Frames uint8 [B, H, W, 3] -> detections, in one graph, whoever asks.

    With `constant` weights it reads no variable, and batch norm is part of the
    convolutions before it.
    """
    taken = model.variables if constant else []
    weights = [keras.ops.convert_to_numpy(variable) for variable in taken]

    @tf.function(input_signature=[tf.TensorSpec([None, *frame_size, 3], tf.uint8)])
    def detect(frames: tf.Tensor) -> dict[str, tf.Tensor]:
        with contextlib.ExitStack() as scopes:
            scopes.enter_context(kernel_of_tensorflow())
            if constant:
                constants = zip(taken, constants_of(weights), strict=True)
                scopes.enter_context(keras.StatelessScope(constants))
                scopes.enter_context(folded_into_convolutions())
            outputs = model(frames, training=False)
        return {name: outputs[name] for name in DETECTIONS}

    return detect


def export_model(
    model: RetinaNet, image_size: tuple[int, int], label_map: LabelMap, directory: str
) -> None:
    """Write a SavedModel with `serving_default` and two more signatures.

    The saved model computes in float32, whatever the precision it was trained in.
    Beside it, in `assets.extra`: label map, detector config, names of the variables.
    """
    served = _in_float32(model)
    module = ServingModule(served, image_size, label_map)
    tf.saved_model.save(
        module,
        directory,
        signatures={
            "serving_default": module.from_bytes,
            "serving_tf_example": module.from_examples,
            "serving_images": module.from_images,
        },
    )
    detector = DetectorConfig(model=model.config, image_size=image_size)
    names = [variable.path for variable in served.variables]
    write_extra(directory, LABEL_MAP_FILENAME, label_map.to_text())
    write_extra(directory, DETECTOR_FILENAME, to_json(detector))
    write_extra(directory, VARIABLES_FILENAME, json.dumps(names, indent=1))


def write_extra(directory: str, name: str, text: str) -> None:
    """A file beside the exported model, where a server does not look."""
    tf.io.gfile.makedirs(f"{directory}/{EXTRA}")
    with tf.io.gfile.GFile(f"{directory}/{EXTRA}/{name}", "w") as file:
        file.write(text)


def _in_float32(model: RetinaNet) -> RetinaNet:
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        return copy_of(model)
    finally:
        keras.config.set_dtype_policy(policy)

"""The augmentations as a Keras layer on a user's own dict, in tf.data or out of it."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from schemas.config_json import from_mapping, to_mapping
from trainer.augment.declaration import Augmentation
from trainer.input.augmenter import Augmenter
from trainer.input.config import InputConfig

Batch = dict[str, Any]


@keras.saving.register_keras_serializable(package="voc_pipeline")
class Augment(keras.layers.Layer):
    """Augments {images [B, H, W, 3], bounding_boxes: {boxes, labels}}.

    Boxes [B, G, 4] are in `bounding_box_format`, one of Keras's; of labels [B, G] -1 is
    padding, also that of a box which is no longer seen. `difficult` [B, G] beside them
    goes along, and other keys are handed on. Mosaic and mixup take partners from the
    batch. Images come out as uint8. Runs on TensorFlow's tensors, whatever the backend.

    Args:
        augmentations: as in `InputConfig`, geometric before photometric.
        bounding_box_format: of boxes in and out.
        min_box_visibility: a box seen by less than this part becomes padding.
        min_box_side: so does one narrower or lower than this, px.
        seed: of the draws; each call draws anew.
        name: of the layer.
    """

    def __init__(
        self,
        augmentations: Sequence[Augmentation],
        bounding_box_format: str = "xyxy",
        *,
        min_box_visibility: float = 0.3,
        min_box_side: float = 2.0,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, trainable=False)
        self._settings: dict[str, Any] = {
            "augmentations": tuple(augmentations),
            "min_box_visibility": min_box_visibility,
            "min_box_side": min_box_side,
        }
        InputConfig(**self._settings)  # refuses what is out of order
        self.bounding_box_format = bounding_box_format
        self.seed = seed

    def __call__(self, batch: Batch) -> Batch:
        """Augment each image of a batch; Keras's call would cast images to floats."""
        images, given = tf.cast(batch["images"], tf.uint8), batch["bounding_boxes"]
        height, width = images.shape[1:3]
        form = {"height": height, "width": width}
        convert = keras.utils.bounding_boxes.convert_format
        labels = tf.cast(given["labels"], tf.int32)
        boxes = convert(
            tf.cast(given["boxes"], tf.float32),
            source=self.bounding_box_format,
            target="xyxy",
            **form,
        )
        difficult = given.get("difficult", tf.zeros_like(labels))
        frames = {
            "images": images,
            "gt_boxes": tf.convert_to_tensor(boxes),
            "gt_classes": labels,
            "gt_difficult": tf.cast(difficult, tf.bool),
            # a user's images fill their frames
            "image_shapes": tf.tile([[height, width]], [tf.shape(images)[0], 1]),
            "letterbox": tf.tile([[1.0, 1.0, 0.0, 0.0]], [tf.shape(images)[0], 1]),
        }
        changed = self._augmented(frames, (height, width), int(labels.shape[1]))
        out = {
            **given,
            "boxes": convert(
                changed["gt_boxes"],
                source="xyxy",
                target=self.bounding_box_format,
                **form,
            ),
            "labels": changed["gt_classes"],
        }
        if "difficult" in given:
            out["difficult"] = tf.cast(changed["gt_difficult"], difficult.dtype)
        return {**batch, "images": changed["images"], "bounding_boxes": out}

    def _augmented(
        self, frames: Batch, image_size: tuple[int, int], max_boxes: int
    ) -> Batch:
        config = InputConfig(
            image_size=image_size, max_boxes=max_boxes, **self._settings
        )
        augmenter = Augmenter(config)
        count = tf.shape(frames["images"])[0]
        spec = {key: tf.TensorSpec(v.shape[1:], v.dtype) for key, v in frames.items()}

        def one(place: tf.Tensor) -> Batch:
            seed = tf.random.uniform(
                [2], maxval=tf.int64.max, dtype=tf.int64, seed=self.seed
            )
            offsets = tf.range(1 + augmenter.num_partners)
            places = tf.cast((place + offsets) % count, tf.int64)
            return augmenter(frames, places, seed, tf.constant(True))

        return tf.map_fn(one, tf.range(count), fn_output_signature=spec)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        plain = to_mapping(InputConfig(**self._settings))
        return {
            "name": self.name,
            "bounding_box_format": self.bounding_box_format,
            "seed": self.seed,
            **{name: plain[name] for name in self._settings},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Augment":
        """The inverse of `get_config`."""
        typed = from_mapping(InputConfig, {"augmentations": config["augmentations"]})
        return cls(**{**config, "augmentations": typed.augmentations})

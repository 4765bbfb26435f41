"""Feature pyramid network over a backbone's stages (Lin et al. 2017)."""

from typing import Any

import keras
from keras import ops

from trainer.model.parts.batch_norm import BatchNormalization

Tensor = Any
COARSEST_BACKBONE_LEVEL = 5


class FeaturePyramid(keras.layers.Layer):
    """Stages {"P3": ..., "P4": ..., "P5": ...} -> list of maps, finest level first.

    Levels past P5 come from strided convolutions on the one below (P6 from the
    backbone's last stage, RetinaNet section 4). A map is upsampled twice and cut
    to the size of the one it is added to, so that any image size will do.
    """

    def __init__(
        self,
        levels: tuple[int, ...],
        filters: int,
        batch_norm: bool,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.lateral_levels = [x for x in levels if x <= COARSEST_BACKBONE_LEVEL]
        self.extra_levels = [x for x in levels if x > COARSEST_BACKBONE_LEVEL]
        self.batch_norm = batch_norm
        self.synchronized = synchronized
        self.laterals = [self._conv(filters, 1, f"P{x}") for x in self.lateral_levels]
        self.outputs = [self._conv(filters, 3, f"P{x}") for x in self.lateral_levels]
        self.extras = [self._conv(filters, 3, f"P{x}", 2) for x in self.extra_levels]

    def _conv(self, filters: int, size: int, level: str, stride: int = 1) -> Any:
        role = "lateral" if size == 1 else "output"
        conv = keras.layers.Conv2D(
            filters,
            size,
            strides=stride,
            padding="same",
            use_bias=not self.batch_norm,
            kernel_initializer=keras.initializers.GlorotUniform(),
            name=f"{role}_{level}",
        )
        if not self.batch_norm:
            return conv
        norm = BatchNormalization(
            momentum=0.95,
            epsilon=1e-5,
            synchronized=self.synchronized,
            name=f"{role}_{level}_bn",
        )
        return keras.Sequential([conv, norm], name=f"{role}_{level}_block")

    def build(self, input_shapes: dict[str, tuple[int | None, ...]]) -> None:
        """Create all weights from the shapes of the stages."""
        inner: tuple[int | None, ...] = ()
        for level, lateral, output in zip(
            self.lateral_levels, self.laterals, self.outputs, strict=True
        ):
            shape = tuple(input_shapes[f"P{level}"])
            lateral.build(shape)
            inner = lateral.compute_output_shape(shape)
            output.build(inner)
        shape = tuple(input_shapes[f"P{self.lateral_levels[-1]}"])
        for extra in self.extras:
            extra.build(shape)
            shape = extra.compute_output_shape(shape)
        self.built = True

    def call(self, stages: dict[str, Tensor], training: bool = False) -> list[Tensor]:
        """Stages [B, H_l, W_l, C_l] by name -> maps [B, H_l, W_l, filters]."""
        inner = [
            _apply(lateral, stages[f"P{level}"], training)
            for level, lateral in zip(self.lateral_levels, self.laterals, strict=True)
        ]
        for index in reversed(range(len(inner) - 1)):
            inner[index] = inner[index] + _upsample_to(inner[index + 1], inner[index])
        maps = [
            _apply(output, features, training)
            for output, features in zip(self.outputs, inner, strict=True)
        ]
        features = stages[f"P{self.lateral_levels[-1]}"]
        for index, extra in enumerate(self.extras):
            features = _apply(
                extra, ops.relu(features) if index else features, training
            )
            maps.append(features)
        return maps


def _apply(layer: Any, features: Tensor, training: bool) -> Tensor:
    if isinstance(layer, keras.Sequential):
        return layer(features, training=training)
    return layer(features)


def _upsample_to(features: Tensor, target: Tensor) -> Tensor:
    height, width = ops.shape(target)[1], ops.shape(target)[2]
    doubled = ops.repeat(ops.repeat(features, 2, axis=1), 2, axis=2)
    return doubled[:, :height, :width, :]

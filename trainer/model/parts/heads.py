"""The class and box subnets, shared by all pyramid levels."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from trainer.model.config import HeadConfig
from trainer.model.parts.batch_norm import BatchNormalization

Tensor = Any


class PredictionHead(keras.layers.Layer):
    """Feature maps of every level -> predictions [B, A, outputs], levels joined.

    `config.num_convs` 3x3 convolutions, then one that predicts `outputs` values
    for each of `anchors_per_cell`. Weights are shared by the levels; with batch
    norm the statistics are each level's own (as in EfficientDet), because
    activations differ between levels. Every kernel has its own initialiser.
    """

    def __init__(
        self,
        config: HeadConfig,
        filters: int,
        anchors_per_cell: int,
        outputs: int,
        num_levels: int,
        bias: float = 0.0,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.outputs = outputs
        self.convs = [
            keras.layers.Conv2D(
                filters,
                3,
                padding="same",
                use_bias=config.norm == "none",
                kernel_initializer=self._kernel_initializer(config),
                name=f"conv_{index}",
            )
            for index in range(config.num_convs)
        ]
        self.norms = [
            [
                BatchNormalization(
                    momentum=0.95,
                    epsilon=1e-5,
                    synchronized=synchronized,
                    name=f"bn_{index}_level_{level}",
                )
                for level in range(num_levels)
            ]
            for index in range(config.num_convs if config.norm == "batch" else 0)
        ]
        self.prediction = keras.layers.Conv2D(
            anchors_per_cell * outputs,
            3,
            padding="same",
            kernel_initializer=_small_normal(),
            bias_initializer=keras.initializers.Constant(bias),
            name="prediction",
        )

    @staticmethod
    def _kernel_initializer(config: HeadConfig) -> keras.initializers.Initializer:
        # behind a norm the scale is lost anyway, and He's trains faster
        if config.norm == "batch":
            return keras.initializers.HeNormal()
        return _small_normal()

    def build(self, input_shapes: Sequence[tuple[int | None, ...]]) -> None:
        """Create all weights from the shapes of the feature maps."""
        shape = tuple(input_shapes[0])
        for index, conv in enumerate(self.convs):
            conv.build(shape)
            shape = (*shape[:-1], conv.filters)
            for norm in self.norms[index] if self.norms else ():
                norm.build(shape)
        self.prediction.build(shape)
        self.built = True

    def call(self, feature_maps: list[Tensor], training: bool = False) -> Tensor:
        """Feature maps [B, H_l, W_l, C] -> predictions [B, A, outputs]."""
        for index, conv in enumerate(self.convs):
            convolved = [conv(features) for features in feature_maps]
            normed = self._normed(index, convolved, training)
            feature_maps = [ops.relu(features) for features in normed]
        # -1 is the anchors axis: the batch size may be unknown
        joined = [
            ops.reshape(raw, (ops.shape(raw)[0], -1, self.outputs))
            for raw in map(self.prediction, feature_maps)
        ]
        return ops.concatenate(joined, axis=1)

    def _normed(
        self, index: int, feature_maps: list[Tensor], training: bool
    ) -> list[Tensor]:
        if not self.norms:
            return feature_maps
        return [
            norm(features, training=training)
            for norm, features in zip(self.norms[index], feature_maps, strict=True)
        ]


def prior_bias(prior: float) -> float:
    """The logit of `prior`, so that all anchors start with that score."""
    return -math.log((1.0 - prior) / prior)


def _small_normal() -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(stddev=0.01)  # RetinaNet section 4.1

"""A convolution, batch norm and a ReLU: what the backbones written here are made of."""

import dataclasses

import keras

from trainer.model.parts.batch_norm import BatchNormalization

MOMENTUM = 0.95  # of the running statistics: short trainings see a few hundred steps


@dataclasses.dataclass(frozen=True, kw_only=True)
class NormRelu:
    """Batch norm with this epsilon, and a ReLU up to `bound` (None: without one)."""

    epsilon: float
    bound: float | None = None

    def __call__(
        self, features: keras.KerasTensor, name: str, relu: bool = True
    ) -> keras.KerasTensor:
        """The same shape; the layers are called `name` with _bn and _relu."""
        features = BatchNormalization(
            momentum=MOMENTUM, epsilon=self.epsilon, name=f"{name}_bn"
        )(features)
        if not relu:
            return features
        return keras.layers.ReLU(self.bound, name=f"{name}_relu")(features)


def conv_norm(
    features: keras.KerasTensor,
    filters: int,
    name: str,
    after: NormRelu,
    *,
    size: int,
    stride: int = 1,
    relu: bool = True,
) -> keras.KerasTensor:
    """Features [B, H, W, C] -> [B, H / stride, W / stride, filters], rounded up.

    The layers are called `name` with _conv, _bn and _relu.
    """
    features = keras.layers.Conv2D(
        filters,
        size,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(features)
    return after(features, name, relu)

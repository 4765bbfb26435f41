"""Batch norm by TensorFlow's fused kernel, where Keras takes ten operations.

Where a model is exported it becomes part of the convolution before it.
"""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

Tensor = Any
_FOLDS = contextvars.ContextVar("_FOLDS", default=False)
# operations of TensorFlow -> from which axis of their filters on stand the outputs
_FILTERED = {"Conv2D": -1, "DepthwiseConv2dNative": -2}
_ATTRIBUTES = ("strides", "padding", "explicit_paddings", "dilations", "data_format")


@contextlib.contextmanager
def folded_into_convolutions() -> Iterator[None]:
    """Inside, a graph of TensorFlow's that is traced for inference has no batch norm.

    Each convolution behind which one stands has other filters and adds a bias, which
    gives the same numbers but for rounding. TensorFlow itself folds none into depthwise
    convolutions.
    """
    token = _FOLDS.set(True)
    try:
        yield
    finally:
        _FOLDS.reset(token)


@keras.saving.register_keras_serializable(package="voc_pipeline")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's layer with the same weights and numbers, in less time and memory.

    Keras 3 computes moments and output of a training step one operation after the
    other, and keeps most of what they give for the gradient. XLA fuses them on JAX.
    TensorFlow has one kernel for all of it, and one for the gradient, which this layer
    calls; where replicas share statistics, Keras's operations do the work.
    """

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: Tensor = None
    ) -> Tensor:
        """Feature maps [B, H, W, C] -> the same shape, normalised by channel."""
        trains = bool(training and self.trainable)
        if keras.backend.backend() != "tensorflow" or (trains and self.synchronized):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        if _FOLDS.get() and not trains and inputs.op.type in _FILTERED:
            return self._folded(inputs.op)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            # as in Keras, statistics are those of float32 also in mixed precision
            x=ops.cast(inputs, "float32"),
            scale=self.gamma,
            offset=self.beta,
            mean=[] if trains else self.moving_mean,
            variance=[] if trains else self.moving_variance,
            epsilon=self.epsilon,
            is_training=trains,
        )
        if trains:
            self._follow(mean, variance, count=ops.size(inputs) // inputs.shape[-1])
        return ops.cast(outputs, self.compute_dtype)

    def _folded(self, convolution: Any) -> Tensor:
        """What batch norm makes of a convolution's output, by a convolution alone."""
        import tensorflow as tf

        features, filters = convolution.inputs
        variance = ops.convert_to_tensor(self.moving_variance)
        scale = self.gamma * ops.rsqrt(variance + self.epsilon)
        # a depthwise convolution's last two axes are its outputs: [h, w, C, M]
        by_output = ops.reshape(scale, filters.shape[_FILTERED[convolution.type] :])
        attributes = {name: convolution.get_attr(name) for name in _ATTRIBUTES}
        convolve = getattr(tf.raw_ops, convolution.type)
        convolved = convolve(input=features, filter=filters * by_output, **attributes)
        return tf.nn.bias_add(convolved, self.beta - self.moving_mean * scale)

    def _follow(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        """Move the averages; `count` values per channel went into the variance."""
        count = ops.cast(count, "float32")
        # the kernel gives the unbiased variance, Keras's averages take the biased one
        variance = variance * ops.maximum(count - 1.0, 1.0) / count
        for average, value in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            average.assign(average * self.momentum + value * (1.0 - self.momentum))


def with_fused_batch_norm(model: keras.Model) -> keras.Model:
    """The same functional model, its layers and weights, with our batch norm in it."""

    def replaced(layer: keras.layers.Layer) -> keras.layers.Layer:
        if type(layer) is not keras.layers.BatchNormalization:
            return layer
        ours = BatchNormalization.from_config(layer.get_config())
        ours.build(layer.input.shape)
        ours.set_weights(layer.get_weights())
        return ours

    return keras.models.clone_model(model, clone_function=replaced)

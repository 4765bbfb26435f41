"""Batch norm by TensorFlow's fused kernel, where Keras takes ten operations."""

from typing import Any

import keras
from keras import ops

Tensor = Any


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

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.model.backbones.builders import BACKBONES
from trainer.model.parts.batch_norm import BatchNormalization, with_fused_batch_norm

CHANNELS = 3


def built(layer_class, dtype="float32", **options):
    layer = layer_class(momentum=0.9, epsilon=1e-3, dtype=dtype, **options)
    layer.build((None, None, None, CHANNELS))
    # gamma, beta, moving mean and variance
    values = [[0.5, 1.0, 2.0], [-1.0, 0.0, 1.0], [0.1] * 3, [0.9] * 3]
    layer.set_weights([np.array(value, "float32") for value in values])
    return layer


def feature_map(shape):
    values = np.random.default_rng(0).normal(3.0, 2.0, (*shape, CHANNELS))
    return tf.constant(values, tf.float32)


def step(layer, features):
    """Output, gradients of input, gamma and beta, and the averages after a step."""
    with tf.GradientTape() as tape:
        tape.watch(features)
        output = layer(features, training=True)
        loss = tf.reduce_sum(tf.sin(tf.cast(output, tf.float32)))
    gradients = tape.gradient(loss, [features, layer.gamma.value, layer.beta.value])
    return [output, *gradients, layer.moving_mean.value, layer.moving_variance.value]


def test_a_step_worked_by_hand():
    layer = built(BatchNormalization)
    features = tf.constant([1.0, 3.0])[:, None, None, None] * tf.ones((1, 1, 1, 3))
    output, *_, mean, variance = step(layer, features)
    # mean 2, variance 1 (not 2, the unbiased one); 1 / sqrt(1 + .001) = .9995004
    expected = [[-0.4997502 - 1, -0.9995004, -1.9990007 + 1]]
    np.testing.assert_allclose(output[0, 0], expected, rtol=1e-5)
    # .9 * .1 + .1 * 2 and .9 * .9 + .1 * 1
    np.testing.assert_allclose(mean, [0.29] * 3, rtol=1e-5)
    np.testing.assert_allclose(variance, [0.91] * 3, rtol=1e-5)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 5e-4), ("mixed_bfloat16", 2e-2)]
)
@pytest.mark.parametrize("shape", [(2, 7, 5), (1, 1, 1), (4, 1, 1), (1, 16, 16)])
def test_a_step_is_that_of_keras(shape, dtype, tolerance):
    features = feature_map(shape)
    ours = step(built(BatchNormalization, dtype), features)
    keras_own = step(built(keras.layers.BatchNormalization, dtype), features)
    for found, expected in zip(ours, keras_own, strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(
            tf.cast(found, tf.float32),
            tf.cast(expected, tf.float32),
            atol=tolerance,
            rtol=tolerance,
        )


@pytest.mark.parametrize("frozen", [True, False])
def test_outside_of_training_and_frozen_it_takes_the_averages(frozen):
    layer = built(BatchNormalization)
    layer.trainable = not frozen
    output = layer(tf.ones((1, 1, 1, CHANNELS)), training=frozen)
    # (1 - .1) / sqrt(.9 + .001) = .9481553, times gamma, plus beta
    expected = [0.4740777 - 1, 0.9481553, 1.8963106 + 1]
    np.testing.assert_allclose(output[0, 0, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_mean, [0.1] * 3)


def test_a_librarys_model_keeps_layers_weights_and_outputs():
    model = BACKBONES["resnet18_vd"].build("")
    fused = with_fused_batch_norm(model)
    kinds = {type(layer) for layer in fused.layers}
    assert BatchNormalization in kinds
    assert keras.layers.BatchNormalization not in kinds
    assert [v.path for v in fused.variables] == [v.path for v in model.variables]
    image = np.random.default_rng(0).normal(size=(1, 64, 64, 3)).astype("float32")
    for name, expected in model(image).items():
        np.testing.assert_array_equal(fused(image)[name], expected)

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.model.backbones.builders import BACKBONES
from trainer.model.parts.batch_norm import (
    BatchNormalization,
    folded_into_convolutions,
    with_fused_batch_norm,
)

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


def traced(layers, folds):
    """Outputs on features [2, 7, 5, 3], and the operations that lead to them."""

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3])])
    def graph(features):
        with folded_into_convolutions() if folds else contextlib.nullcontext():
            for layer in layers:
                features = layer(features, training=False)
        return features

    traced = graph.get_concrete_function().graph
    behind, left = set(), [traced.outputs[0].op]
    while left:
        behind.add(op := left.pop())
        left += [one.op for one in op.inputs if one.op not in behind]
    return graph(feature_map((2, 7, 5))), {op.type for op in behind}


@pytest.mark.parametrize(
    "convolution",
    [
        keras.layers.Conv2D(CHANNELS, 3, strides=2, padding="same", use_bias=False),
        keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False),
        keras.layers.DepthwiseConv2D(3, strides=2, use_bias=False),
    ],
)
def test_behind_a_convolution_it_goes_into_its_filters(convolution):
    layers = [convolution, built(BatchNormalization)]
    expected, _ = traced(layers, folds=False)
    found, operations = traced(layers, folds=True)
    assert "BiasAdd" in operations
    assert not {name for name in operations if "BatchNorm" in name}
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_two_outputs_a_channel_keep_their_order():
    """Filters of one: an output is its channel times gamma, plus beta."""
    twice = keras.layers.DepthwiseConv2D(
        1, depth_multiplier=2, use_bias=False, depthwise_initializer="ones"
    )
    norm = BatchNormalization(epsilon=0.0)
    norm.build((None, None, None, 6))
    gamma = np.arange(6, dtype="float32")
    norm.set_weights([gamma, gamma * 10, np.zeros(6), np.ones(6)])
    found, operations = traced([twice, norm], folds=True)
    assert "DepthwiseConv2dNative" in operations
    features = np.repeat(feature_map((2, 7, 5)), 2, axis=-1)
    np.testing.assert_allclose(found, features * gamma + gamma * 10, rtol=1e-5)


@pytest.mark.parametrize(
    "before",
    [
        keras.layers.ReLU(),
        keras.layers.Conv2D(CHANNELS, 2),  # adds a bias of its own
        keras.layers.Conv2D(CHANNELS, 2, dilation_rate=2, use_bias=False),
    ],
)
def test_behind_anything_else_it_stays(before):
    layers = [before, built(BatchNormalization)]
    expected, _ = traced(layers, folds=False)
    found, operations = traced(layers, folds=True)
    assert "FusedBatchNormV3" in operations
    np.testing.assert_array_equal(found, expected)

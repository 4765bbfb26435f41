import numpy as np
import pytest
import tensorflow as tf

from trainer.model.parts import winograd
from trainer.model.parts.winograd import TiledMaps, winograd_pays

# of one cell, of whole tiles, and one past a tile's end
SHAPES = [(1, 1), (4, 8), (9, 5), (2, 3)]


def maps_and_kernel(channels=3, outputs=5):
    random = np.random.default_rng(0)
    maps = [
        tf.constant(random.normal(size=(2, *shape, channels)), tf.float32)
        for shape in SHAPES
    ]
    kernel = random.normal(size=(3, 3, channels, outputs))
    return maps, tf.constant(kernel, tf.float32)


def convolve_maps(maps, kernel):
    tiled = TiledMaps(maps)
    return tiled.split(tiled.convolve(tiled.join(maps), kernel))


def directly(maps, kernel):
    return [tf.nn.conv2d(features, kernel, 1, "SAME") for features in maps]


def test_a_convolution_worked_by_hand():
    features = tf.reshape(tf.range(1.0, 10.0), (1, 3, 3, 1))
    (found,) = convolve_maps([features], tf.ones((3, 3, 1, 1)))
    # each cell is the sum of its neighbours in 1 2 3 / 4 5 6 / 7 8 9
    expected = [[12, 21, 16], [27, 45, 33], [24, 39, 28]]
    np.testing.assert_allclose(found[0, :, :, 0], expected, rtol=1e-5)


def test_equals_the_direct_convolution():
    maps, kernel = maps_and_kernel()
    for found, expected in zip(
        convolve_maps(maps, kernel), directly(maps, kernel), strict=True
    ):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_gradients_equal_those_of_the_direct_convolution():
    maps, kernel = maps_and_kernel()

    def gradients(convolve):
        with tf.GradientTape() as tape:
            tape.watch([*maps, kernel])
            loss = sum(tf.reduce_sum(tf.sin(x)) for x in convolve(maps, kernel))
        return tape.gradient(loss, [*maps, kernel])

    for found, expected in zip(
        gradients(convolve_maps), gradients(directly), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=3e-4)


def test_batches_of_unknown_size():
    maps, kernel = maps_and_kernel()
    signature = [tf.TensorSpec((None, *shape, 3)) for shape in SHAPES]
    convolve = tf.function(
        lambda *maps: convolve_maps(list(maps), kernel), input_signature=signature
    )
    for found, expected in zip(convolve(*maps), directly(maps, kernel), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "dtype", "accelerator", "pays"),
    [
        ((None, 32, 32, 256), "float32", False, True),
        ((None, 32, 32, 64), "float32", False, False),  # narrow
        ((None, 31, 33, 256), "float32", False, False),  # small
        ((None, None, None, 256), "float32", False, False),  # size unknown
        ((None, 32, 32, 256), "bfloat16", False, False),  # too coarse for it
        ((None, 32, 32, 256), "float32", True, False),  # has its own
    ],
)
def test_where_it_pays(monkeypatch, shape, dtype, accelerator, pays):
    monkeypatch.setattr(winograd, "has_accelerator", lambda: accelerator)
    seen = []
    tf.function(lambda x: seen.append(winograd_pays(x))).get_concrete_function(
        tf.TensorSpec(shape, dtype)
    )
    assert seen == [pays]

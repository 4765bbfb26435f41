import numpy as np
import pytest

from trainer.model.parts.feature_pyramid import FeaturePyramid


def stages(height, width):
    """Backbone stages of an image of that size; channels 4, 6, 8."""
    random = np.random.default_rng(0)
    out = {}
    for level, channels in ((3, 4), (4, 6), (5, 8)):
        size = [-(-side // 2**level) for side in (height, width)]
        out[f"P{level}"] = random.normal(size=(1, *size, channels)).astype("float32")
    return out


def built(levels=(3, 4, 5, 6, 7), batch_norm=False):
    pyramid = FeaturePyramid(levels, 5, batch_norm)
    pyramid.build({name: value.shape for name, value in stages(64, 64).items()})
    return pyramid


@pytest.mark.parametrize("size", [(64, 64), (300, 300), (40, 100), (1, 1)])
def test_any_image_size_gives_the_sizes_that_anchors_have(size):
    maps = built()(stages(*size))
    for level, features in zip((3, 4, 5, 6, 7), maps, strict=True):
        expected = [-(-side // 2**level) for side in size]
        assert features.shape == (1, *expected, 5)


def test_coarse_maps_are_added_to_fine_ones_by_nearest_neighbour():
    pyramid = built(levels=(3, 4))
    # identity output convolutions: the maps are the sums themselves
    for conv in pyramid.outputs:
        kernel = np.zeros((3, 3, 5, 5), "float32")
        kernel[1, 1] = np.eye(5)
        conv.kernel.assign(kernel)
    given = stages(64, 64)
    fine, coarse = (np.asarray(x) for x in pyramid(given))
    lateral = np.asarray(pyramid.laterals[0](given["P3"]))
    np.testing.assert_allclose(
        fine - lateral, np.kron(coarse[0], np.ones((2, 2, 1)))[None], atol=1e-4
    )


def test_levels_beyond_the_backbone_come_from_its_last_stage():
    pyramid = built(levels=(3, 4, 5, 6))
    given = stages(128, 128)
    p6 = np.asarray(pyramid(given)[-1])
    np.testing.assert_allclose(
        p6, np.asarray(pyramid.extras[0](given["P5"])), atol=1e-5
    )


def test_batch_norm_follows_every_convolution():
    weights = {weight.path for weight in built(batch_norm=True).weights}
    assert sum("gamma" in path for path in weights) == 3 + 3 + 2
    assert not any(path.endswith("bias") for path in weights)

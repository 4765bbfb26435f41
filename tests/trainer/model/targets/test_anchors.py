import numpy as np
import pytest

from trainer.model.config import AnchorConfig
from trainer.model.targets.anchors import anchors_per_level, level_shape


def test_sizes_are_halved_and_rounded_up():
    # 300 -> 150 -> 75 -> 38; 20 -> 10 -> 5 -> 3
    assert level_shape(300, 20, 3) == (38, 3)
    assert level_shape(1, 1, 7) == (1, 1)


def test_square_anchors_sit_on_cell_centres_row_by_row():
    config = AnchorConfig(scale=4.0, octaves=1, aspect_ratios=(1.0,))
    [anchors] = anchors_per_level(16, 24, (3,), config)
    # stride 8, size 32: centres (4, 4), (12, 4), (20, 4), (4, 12), ...
    assert anchors.shape == (6, 4)
    np.testing.assert_allclose(anchors[0], [-12, -12, 20, 20])
    np.testing.assert_allclose(anchors[1], [-4, -12, 28, 20])
    np.testing.assert_allclose(anchors[3], [-12, -4, 20, 28])


def test_aspect_ratio_is_height_over_width_and_keeps_the_area():
    config = AnchorConfig(scale=4.0, octaves=1, aspect_ratios=(0.5, 2.0))
    [anchors] = anchors_per_level(8, 8, (3,), config)
    sides = anchors[:, 2:] - anchors[:, :2]
    # area 32 * 32; wide: 32 * sqrt(2) by 32 / sqrt(2)
    np.testing.assert_allclose(sides, [[45.2548, 22.6274], [22.6274, 45.2548]], 1e-5)


def test_octaves_grow_by_equal_factors():
    config = AnchorConfig(scale=4.0, octaves=3, aspect_ratios=(1.0,))
    [anchors] = anchors_per_level(8, 8, (3,), config)
    widths = anchors[:, 2] - anchors[:, 0]
    # 32, 32 * 2^(1/3), 32 * 2^(2/3)
    np.testing.assert_allclose(widths, [32, 40.3175, 50.7968], 1e-5)


def test_default_has_nine_anchors_a_cell_on_every_level():
    levels = anchors_per_level(64, 64, (3, 4, 5, 6, 7), AnchorConfig())
    assert [len(level) for level in levels] == [9 * n for n in (64, 16, 4, 1, 1)]


def test_nonsense_is_refused_by_value():
    with pytest.raises(ValueError, match=r"scale > 0, got -1"):
        AnchorConfig(scale=-1.0)
    with pytest.raises(ValueError, match="aspect_ratios"):
        AnchorConfig(aspect_ratios=())

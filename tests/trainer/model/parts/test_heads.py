import itertools

import numpy as np
import pytest

from trainer.model.config import HeadConfig
from trainer.model.parts.heads import PredictionHead, prior_bias

SHAPES = [(None, None, None, 8)] * 2


def built(config=None, outputs=3, bias=0.0):
    head = PredictionHead(
        config or HeadConfig(), 8, 9, outputs, num_levels=2, bias=bias, name="head"
    )
    head.build(SHAPES)
    return head


def test_every_kernel_starts_differently():
    kernels = [np.asarray(conv.kernel) for conv in built().convs]
    for a, b in itertools.combinations(kernels, 2):
        assert not np.allclose(a, b)


def test_kernels_have_a_standard_deviation_of_a_hundredth():
    head = PredictionHead(HeadConfig(), 64, 9, 20, num_levels=1)
    head.build([(None, None, None, 64)])
    for conv in [*head.convs, head.prediction]:
        assert np.asarray(conv.kernel).std() == pytest.approx(0.01, rel=0.05)


def test_the_prior_is_the_score_that_all_anchors_start_with():
    head = built(bias=prior_bias(0.01))
    maps = [np.zeros((1, 4, 4, 8), "float32"), np.zeros((1, 2, 2, 8), "float32")]
    scores = 1 / (1 + np.exp(-np.asarray(head(maps))))
    np.testing.assert_allclose(scores, 0.01, rtol=1e-5)


def test_levels_are_joined_row_by_row_finest_first():
    head = built(HeadConfig(num_convs=0))
    random = np.random.default_rng(0)
    maps = [
        random.normal(size=(2, 4, 6, 8)).astype("float32"),
        random.normal(size=(2, 2, 3, 8)).astype("float32"),
    ]
    joined = np.asarray(head(maps))
    assert joined.shape == (2, (24 + 6) * 9, 3)
    coarse = np.asarray(head.prediction(maps[1]))  # [2, 2, 3, 27]
    # row 1, column 2, anchor 4 of the coarse level
    place = 24 * 9 + (1 * 3 + 2) * 9 + 4
    np.testing.assert_allclose(
        joined[1, place], coarse[1, 1, 2, 12:15], rtol=1e-3, atol=1e-6
    )


def test_levels_share_kernels_and_have_their_own_statistics():
    head = built(HeadConfig(num_convs=2, norm="batch"))
    # 2 kernels, prediction kernel and bias; 2 convs * 2 levels * 4 of batch norm
    assert len(head.weights) == 2 + 2 + 16
    maps = [np.ones((1, 4, 4, 8), "float32"), 5 * np.ones((1, 4, 4, 8), "float32")]
    head(maps, training=True)
    fine, coarse = head.norms[0]
    assert not np.allclose(fine.moving_mean, coarse.moving_mean)

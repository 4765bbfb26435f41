"""Sides are by hand: the root of the area, times the letterbox's scale."""

import dataclasses

import numpy as np
import pytest
from image_shards import image_example, write_shard

from schemas.config_json import to_json
from trainer.config import TrainerConfig
from trainer.input.config import InputConfig
from trainer.input.records import RecordIndex, index_records
from trainer.levels import with_fitting_levels
from trainer.model.config import DetectorConfig, ModelConfig
from trainer.serving.saved_model import DETECTOR_FILENAME


def config(**changes):
    model = ModelConfig(min_level=3, max_level=6)
    return TrainerConfig(
        model=dataclasses.replace(model, **changes),
        input=InputConfig(image_size=(256, 320)),
        levels_from_data=True,
        num_epochs=1,
    )


def index_of(*sides):
    """Objects of these sides in images of 640 x 512 px, shown half as large."""
    none = np.zeros(0, np.int64)
    rows = [(side, 640, 512) for side in sides]
    objects = np.array(rows, np.float32).reshape(-1, 3)
    return RecordIndex((), none, none, none, none.astype("S16"), objects)


@pytest.mark.parametrize(
    ("sides", "finest"),
    [
        ([192] * 10, 4),  # 96 px in the frame: six strides of P4
        ([190] * 10, 3),
        ([40] + [200] * 19, 4),  # one of twenty is small
        ([40] * 4 + [200] * 16, 3),  # one of five
        ([384] * 10, 5),  # six strides of P5
        ([2000] * 10, 5),  # the backbone's last
        ([], 3),
    ],
)
def test_the_finest_level_has_strides_a_sixth_of_most_objects(sides, finest):
    assert with_fitting_levels(config(), index_of(*sides)).model.min_level == finest


def test_two_levels_are_left_and_a_coarser_start_stays():
    large, small = index_of(*[2000] * 10), index_of(*[20] * 10)
    assert with_fitting_levels(config(max_level=5), large).model.min_level == 4
    assert with_fitting_levels(config(min_level=5), small).model.min_level == 5


def test_levels_stay_where_nobody_asked():
    given = dataclasses.replace(config(), levels_from_data=False)
    assert with_fitting_levels(given, index_of(*[2000] * 10)) is given


@pytest.mark.parametrize(("earlier", "finest"), [(4, 4), (3, 3), (2, 3)])
def test_a_warm_start_keeps_the_levels_that_it_starts_from(tmp_path, earlier, finest):
    """Weeks with and without a few small objects would else go to and fro."""
    folder = tmp_path / "assets.extra"
    folder.mkdir()
    model = ModelConfig(min_level=earlier, max_level=6)
    detector = DetectorConfig(model=model, image_size=(256, 320))
    (folder / DETECTOR_FILENAME).write_text(to_json(detector))
    warm = config(initial_model=str(tmp_path))
    for sides in ([40] * 10, [2000] * 10):
        assert with_fitting_levels(warm, index_of(*sides)).model.min_level == finest


def test_sides_come_from_the_shards(tmp_path):
    boxes = [(4, 4, 24, 24), (0, 0, 9, 16)]  # 20 x 20 and 9 x 16 px
    write_shard(
        tmp_path / "images-0",
        [
            image_example("a", width=48, height=32, boxes=boxes),
            image_example("none"),
            image_example("b", width=96, height=128, boxes=[(0, 0, 64, 64)]),
        ],
    )
    index = index_records(str(tmp_path / "images-*"))
    # twice as large, and half as large
    found = index.sides_px((64, 96))
    np.testing.assert_allclose(found, [40, 24, 32], rtol=1e-5)

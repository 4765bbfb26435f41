import contextlib
import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from trainer.config import TrainerConfig
from trainer.features import row_store
from trainer.features.frozen import epochs_to_keep, is_frozen, kept_features
from trainer.features.row_batches import STAGES
from trainer.input.config import InputConfig
from trainer.model.build import build_retinanet
from trainer.training.fit import TrainingData

BATCH = 2


@pytest.fixture(scope="module")
def config(tiny_config):
    return TrainerConfig(
        model=dataclasses.replace(tiny_config, frozen_stages=5),
        input=InputConfig(image_size=(40, 72), global_batch_size=BATCH, max_boxes=4),
        num_epochs=5,
        kept_epochs=2,
    )


@pytest.fixture(scope="module")
def model(config):
    return build_retinanet(config.model, 3)


def frame(position):
    """What the input pipeline gives at a position of its stream, by a formula."""
    seed = tf.stack([tf.cast(position, tf.int32), 1])
    noise = tf.random.stateless_uniform((40, 72, 3), seed, 0, 256, tf.int32)
    return {
        "images": tf.cast(noise, tf.uint8),
        "gt_boxes": tf.fill((4, 4), tf.cast(position, tf.float32)),
        "gt_classes": tf.fill((4,), tf.cast(position % 3, tf.int32)),
        "gt_difficult": tf.fill((4,), position % 2 == 1),
        "image_ids": tf.strings.as_string(position),
    }


def data_of(started=None):
    """Three images, of which each epoch has other frames."""

    def train(step):
        if started is not None:
            started.append(step)
        positions = tf.data.Dataset.range(step * BATCH, 1 << 40)
        return positions.map(frame).batch(BATCH, drop_remainder=True)

    return TrainingData(
        train=train,
        evaluation=lambda: None,
        num_train_examples=3,
        class_names=("ant", "bee", "cow"),
    )


def one_pass(data):
    """Position -> row of one pass over the kept rows: 2 epochs of 3 images."""
    rows = {}
    for batch in data.train(0).take(3):
        for place, name in enumerate(batch["image_ids"].numpy()):
            stages = {key: value[place] for key, value in batch[STAGES].items()}
            truth = {key: batch[key][place] for key in ("gt_boxes", "gt_difficult")}
            rows[int(name)] = stages | truth
    return rows


def broken_off(model, config, folder):
    """A training that is stopped in its first step."""
    with (
        contextlib.suppress(KeyboardInterrupt),
        kept_features(model, config, data_of(), folder) as data,
    ):
        data.train(0)
        raise KeyboardInterrupt


def test_rows_are_what_the_backbone_makes_of_the_first_epochs(model, config, tmp_path):
    with kept_features(model, config, data_of(), str(tmp_path / "f")) as data:
        rows = one_pass(data)
    assert sorted(rows) == [0, 1, 2, 3, 4, 5]
    for position, row in rows.items():
        original = frame(position)
        stages = model.stages(original["images"][None])
        for name in ("P3", "P4", "P5"):
            expected = np.asarray(stages[name])[0]
            np.testing.assert_allclose(row[name], expected, rtol=2e-3, atol=1e-3)
        np.testing.assert_array_equal(row["gt_boxes"], original["gt_boxes"])
        np.testing.assert_array_equal(row["gt_difficult"], original["gt_difficult"])
    assert "P2" not in rows[0]  # no level of the pyramid needs it


def test_the_rest_of_the_data_is_as_it_was(model, config, tmp_path):
    before = data_of()
    with kept_features(model, config, before, str(tmp_path / "f")) as data:
        assert dataclasses.replace(data, train=before.train) == before


def test_features_stay_where_a_training_breaks_off_and_go_when_it_ends(
    model, config, tmp_path
):
    folder = tmp_path / "f"
    broken_off(model, config, str(folder))
    assert (folder / "P3.npy").exists()
    started = []
    with kept_features(model, config, data_of(started), str(folder)) as data:
        assert sorted(one_pass(data)) == [0, 1, 2, 3, 4, 5]
        assert started == []  # no frame was made again
        assert folder.exists()
    assert not folder.exists()


def test_a_training_that_is_over_computes_none(model, config, tmp_path):
    started = []
    with kept_features(model, config, data_of(started), str(tmp_path / "f")):
        pass
    assert started == []


def test_what_was_flushed_before_a_kill_is_not_computed_again(
    model, config, tmp_path, monkeypatch
):
    from trainer.features import frozen

    monkeypatch.setattr(frozen, "ROWS_TO_FLUSH", 2)
    folder = str(tmp_path / "f")

    whole = data_of()
    cut = dataclasses.replace(whole, train=lambda step: whole.train(step).take(2))
    with (
        pytest.raises(RuntimeError, match="frames ended at 4 of 6"),
        kept_features(model, config, cut, folder) as data,
    ):
        data.train(0)
    started = []
    with kept_features(model, config, data_of(started), folder) as data:
        assert sorted(one_pass(data)) == [0, 1, 2, 3, 4, 5]
    assert started == [2]


def test_other_weights_or_settings_begin_anew(model, config, tmp_path):
    folder = str(tmp_path / "f")
    broken_off(model, config, folder)
    other = build_retinanet(config.model, 3)  # drawn anew
    started = []
    with kept_features(other, config, data_of(started), folder) as data:
        row = one_pass(data)[0]
    assert started == [0]
    expected = np.asarray(other.stages(frame(0)["images"][None])["P3"])[0]
    np.testing.assert_allclose(row["P3"], expected, rtol=2e-3, atol=1e-3)


def test_other_data_begin_anew(model, config, tmp_path):
    folder = str(tmp_path / "f")
    broken_off(model, config, folder)
    started = []
    other = dataclasses.replace(data_of(started), digest="of other contents")
    with kept_features(model, config, other, folder) as data:
        one_pass(data)
    assert started == [0]


@pytest.mark.parametrize(
    ("fields", "epochs"),
    [
        ({}, 2),
        ({"kept_epochs": 9}, 7),  # 5 epochs of 2 steps of 2: 20 frames of 3 images
        ({"kept_epochs": 9, "num_epochs": 0, "train_steps": 4}, 3),  # 8 frames
        ({"kept_bytes": 599}, 1),
        ({"kept_bytes": 600}, 2),
        ({"kept_bytes": 299}, 0),
    ],
)
def test_epochs_kept_by_hand(config, fields, epochs):
    # three images of 100 bytes
    assert epochs_to_keep(dataclasses.replace(config, **fields), 3, 100) == epochs


def test_without_room_the_backbone_runs_at_each_step(model, config, tmp_path, caplog):
    small, data = dataclasses.replace(config, kept_bytes=10), data_of()
    with (
        caplog.at_level("INFO"),
        kept_features(model, small, data, str(tmp_path / "f")) as same,
    ):
        assert same is data
    assert "features not kept: one epoch takes " in caplog.text
    assert " bytes, trainer.kept_bytes is 10" in caplog.text
    assert not (tmp_path / "f").exists()


def test_on_a_full_disk_the_backbone_runs_at_each_step(
    model, config, tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr(row_store, "SPARE_BYTES", 2**60)  # more than a disk has
    with (
        caplog.at_level("INFO"),
        kept_features(model, config, data_of(), str(tmp_path / "f")) as data,
    ):
        batches = [next(iter(data.train(step))) for step in (0, 1)]
    assert all("images" in batch for batch in batches)
    assert [*batches[1]["image_ids"].numpy()] == [b"2", b"3"]
    (line,) = [r.getMessage() for r in caplog.records if "not kept" in r.getMessage()]
    assert line.startswith("features not kept: ")
    assert "are free" in line
    assert "Errno" not in line
    assert not (tmp_path / "f").exists()


def test_only_what_stays_the_same_is_kept(model, config, tiny_config):
    assert is_frozen(model, config)
    assert not is_frozen(model, dataclasses.replace(config, frozen_features="off"))
    closing = dataclasses.replace(config.input, close_mosaic_epochs=1)
    assert not is_frozen(model, dataclasses.replace(config, input=closing))
    partly = dataclasses.replace(tiny_config, frozen_stages=4)
    assert not is_frozen(build_retinanet(partly, 3), config)

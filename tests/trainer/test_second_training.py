"""A second training in which more of the backbone learns, after the first."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from trainer.config import TrainerConfig, UnfreezingConfig
from trainer.input.config import InputConfig
from trainer.optimizer.config import CosineSchedule, OptimizerConfig
from trainer.train import train
from trainer.training.fit import TrainingData

pytestmark = pytest.mark.slow

BOX = [8.0, 8.0, 56.0, 56.0]
STEPS = 3  # of the first training: it ends in the middle of its second epoch


class KilledError(Exception):
    """Stands for kill -9: nothing is tidied up."""


def batch_of_step(step):
    """Two images of one white square; grey tells steps apart."""
    shade = tf.cast(step % 50, tf.float32)
    square = tf.pad(tf.fill((48, 48), 255.0), [[8, 8], [8, 8]], constant_values=0.0)
    image = tf.maximum(square, shade)
    return {
        "images": tf.cast(tf.stack([tf.stack([image] * 3, -1)] * 2), tf.uint8),
        "gt_boxes": tf.constant([[BOX]] * 2),
        "gt_classes": tf.constant([[0]] * 2),
        "gt_difficult": tf.zeros((2, 1), tf.bool),
        "image_ids": tf.constant(["first", "second"]),
        "image_shapes": tf.constant([[64, 64]] * 2),
        "letterbox": tf.constant([[1.0, 1.0, 0.0, 0.0]] * 2),
    }


def data_of(killed_at=-1, asked=None):
    def make(number):
        def check(value):
            if value == killed_at:
                raise KilledError
            return value

        return batch_of_step(
            tf.ensure_shape(tf.numpy_function(check, [number], tf.int64), [])
        )

    def train_from(step):
        if asked is not None:
            asked.append(step)
        return tf.data.Dataset.range(step, step + 1000).map(make)

    return TrainingData(
        train=train_from,
        evaluation=lambda: tf.data.Dataset.range(900, 901).map(batch_of_step),
        num_train_examples=4,
        class_names=("square",),
    )


@pytest.fixture(scope="module", autouse=True)
def untraced():
    """Tracing these few steps takes longer than they do."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def config(tiny_config):
    """A first training that learns nothing, and a second one that does."""
    return TrainerConfig(
        model=dataclasses.replace(tiny_config, frozen_stages=5),
        input=InputConfig(image_size=(64, 64), global_batch_size=2),
        optimizer=OptimizerConfig(
            kind="adamw",
            schedule=CosineSchedule(peak=1e-9, warmup_steps=0),
            ema_momentum=0.5,
        ),
        unfreezing=UnfreezingConfig(
            num_epochs=8, schedule=CosineSchedule(peak=1e-2, warmup_steps=0)
        ),
        train_steps=STEPS,
        evaluate_every_epochs=10,
        checkpoint_every_steps=1,
        frozen_features="off",
        doctor=False,
        seed=1,
    )


def trained(config, folder, data):
    return train(config, data, str(folder / "ckpt"), str(folder / "log"))


def values(model):
    return {each.path: np.asarray(each).copy() for each in model.variables}


@pytest.fixture(scope="module")
def alone(config, tmp_path_factory):
    """Weights after the first training, without another."""
    first = config.first_training()
    return values(trained(first, tmp_path_factory.mktemp("alone"), data_of()))


@pytest.fixture(scope="module")
def both(config, tmp_path_factory):
    """Weights after both, and the folder."""
    folder = tmp_path_factory.mktemp("both")
    return values(trained(config, folder, data_of())), folder


def moved(before, after, stage):
    return {
        path
        for path in before
        if path.startswith(f"stack{stage}")
        and not np.array_equal(before[path], after[path])
    }


def test_the_last_stages_learn_and_no_statistics_of_the_backbone(alone, both):
    after, _ = both
    assert moved(alone, after, 0) == moved(alone, after, 1) == set()
    assert moved(alone, after, 2) == {"stack2_conv/kernel", "stack2_conv/bias"}
    assert moved(alone, after, 3) == {"stack3_conv/kernel", "stack3_conv/bias"}


def test_steps_epochs_and_curves_go_on(both):
    _, folder = both
    head, *rows = (folder / "log" / "history.csv").read_text().splitlines()
    steps = [int(row.split(",")[0]) for row in rows]
    assert steps == [2, 3, 4, 6, 8, 10, 12, 14, 16, 18, 19]
    map_of = {
        step: row.split(",")[head.split(",").index("mAP")]
        for step, row in zip(steps, rows, strict=True)
    }
    # judged at each one's end: of what the first has found nothing stays
    assert map_of[3] == "0"
    assert float(map_of[19]) > 0


def test_a_second_training_that_was_killed_goes_on(config, both, tmp_path):
    whole, _ = both
    with pytest.raises(tf.errors.OpError):
        trained(config, tmp_path, data_of(killed_at=9))
    asked = []
    resumed = values(trained(config, tmp_path, data_of(asked=asked)))
    assert min(asked) > STEPS  # the first is not trained again
    for path, value in whole.items():
        np.testing.assert_array_equal(resumed[path], value, err_msg=path)


def test_weights_that_are_no_better_are_not_taken(config, alone, tmp_path, caplog):
    caplog.set_level("INFO")
    then = dataclasses.replace(
        config.unfreezing, num_epochs=1, schedule=CosineSchedule(peak=1e-9)
    )
    model = trained(dataclasses.replace(config, unfreezing=then), tmp_path, data_of())
    for path, value in values(model).items():
        np.testing.assert_array_equal(value, alone[path], err_msg=path)
    assert "it found no better weights: those of step 3 stay" in caplog.text


def test_each_is_told_where_it_ends(config, tmp_path):
    """What an epoch holds may depend on how many follow: mosaics close."""
    ends = []

    def train_until(step, train_steps):
        ends.append(train_steps)
        return data_of().train(step)

    # the first learns nothing, so that it stops after its second epoch, at step 4
    config = dataclasses.replace(
        config,
        train_steps=20,
        evaluate_every_epochs=1,
        early_stopping_epochs=1,
        unfreezing=dataclasses.replace(config.unfreezing, num_epochs=1),
    )
    data = dataclasses.replace(data_of(), train=None, train_until=train_until)
    trained(config, tmp_path, data)
    assert ends == [20, 6]


def test_another_second_training_keeps_the_first(config, both):
    _, folder = both
    asked = []
    then = dataclasses.replace(config.unfreezing, num_epochs=1)
    trained(dataclasses.replace(config, unfreezing=then), folder, data_of(asked=asked))
    assert asked == [STEPS, STEPS + 1]  # what is left of the epoch, then the next one


def test_the_length_counts_both(config):
    assert config.total_steps(4) == STEPS + 8 * 2
    assert config.first_training().total_steps(4) == STEPS
    assert config.second_training().total_steps(4) == 8 * 2
    assert config.first_training().second_training() is None


def test_nothing_to_unfreeze_is_refused(config):
    model = dataclasses.replace(config.model, frozen_stages=3)
    with pytest.raises(ValueError, match=r"fewer than model.frozen_stages.*3 and 3"):
        dataclasses.replace(config, model=model)

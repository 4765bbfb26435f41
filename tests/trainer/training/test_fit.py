import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from trainer.config import TrainerConfig
from trainer.input.config import InputConfig
from trainer.model.build import build_retinanet
from trainer.optimizer.build import build_optimizer
from trainer.optimizer.config import CosineSchedule, OptimizerConfig
from trainer.training.callbacks.non_finite import NonFiniteLossError
from trainer.training.fit import (
    TrainingData,
    fit,
    is_begun,
)

pytestmark = pytest.mark.slow

STEPS = 6


@pytest.fixture
def config(tiny_config):
    return TrainerConfig(
        model=tiny_config,
        input=InputConfig(image_size=(32, 32), global_batch_size=2),
        optimizer=OptimizerConfig(
            kind="adamw",
            schedule=CosineSchedule(peak=1e-3, warmup_steps=2),
            ema_momentum=0.5,
        ),
        train_steps=STEPS,
        checkpoint_every_steps=2,
    )


def batch_of_step(step):
    """A batch that depends on its step alone."""
    seed = tf.stack([tf.cast(step, tf.int32), 1])
    noise = tf.random.stateless_uniform((2, 32, 32, 3), seed, 0, 256, tf.int32)
    box = tf.constant([[[4.0, 4.0, 24.0, 28.0], [-1.0] * 4]] * 2)
    return {
        "images": tf.cast(noise, tf.uint8),
        "gt_boxes": box,
        "gt_classes": tf.constant([[1, -1]] * 2),
        "gt_difficult": tf.zeros((2, 2), tf.bool),
        "image_ids": tf.strings.format("image-{}-", step)
        + tf.constant(["first", "second"]),
        "image_shapes": tf.constant([[32, 32]] * 2),
        "letterbox": tf.constant([[1.0, 1.0, 0.0, 0.0]] * 2),
    }


def data_of(make=batch_of_step):
    return TrainingData(
        train=lambda step: tf.data.Dataset.range(step, step + 1000).map(make),
        evaluation=lambda: tf.data.Dataset.range(900, 901).map(batch_of_step),
        num_train_examples=6,  # three steps an epoch
        class_names=("ant", "bee", "cow"),
    )


def compiled(config, seed=0):
    keras.utils.set_random_seed(seed)
    model = build_retinanet(config.model, 3)
    model.compile(optimizer=build_optimizer(config.optimizer, STEPS), run_eagerly=True)
    return model


def run(config, tmp_path, seed=0, data=None):
    model = compiled(config, seed)
    fit(model, config, data or data_of(), str(tmp_path / "ckpt"), str(tmp_path / "log"))
    return model


class KilledError(Exception):
    """Stands for kill -9: nothing is tidied up."""


def killing_at(step):
    def make(number):
        def check(value):
            if value == step:
                raise KilledError
            return value

        checked = tf.numpy_function(check, [number], tf.int64)
        return batch_of_step(tf.ensure_shape(checked, []))

    return data_of(make)


def test_a_killed_training_ends_as_an_uninterrupted_one(config, tmp_path):
    whole = run(config, tmp_path / "whole")
    # in the middle of the second epoch; the last checkpoint is that of step 4
    with pytest.raises(tf.errors.OpError):
        run(config, tmp_path / "cut", data=killing_at(5))
    saved = sorted(path.name for path in (tmp_path / "cut" / "ckpt").glob("step-*"))
    assert saved[-1] == "step-00000004"
    # another seed: all that counts comes from the checkpoint
    resumed = run(config, tmp_path / "cut", seed=99)
    assert int(resumed.optimizer.iterations) == STEPS
    folder = str(tmp_path / "cut" / "ckpt")
    assert is_begun(config, data_of(), folder)
    other = dataclasses.replace(data_of(), digest="of other contents")
    assert not is_begun(config, other, folder)
    pairs = zip(
        [*whole.variables, *whole.optimizer.variables],
        [*resumed.variables, *resumed.optimizer.variables],
        strict=True,
    )
    for a, b in pairs:
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b), err_msg=a.path)


def test_a_checkpoint_of_another_backend_is_not_gone_on_from(
    config, tmp_path, monkeypatch
):
    run(dataclasses.replace(config, train_steps=2), tmp_path)
    begun = dataclasses.replace(config, train_steps=2), data_of()
    assert is_begun(*begun, str(tmp_path / "ckpt"))
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert not is_begun(*begun, str(tmp_path / "ckpt"))


def values(model):
    return [np.asarray(v) for v in [*model.variables, *model.optimizer.variables]]


def test_an_epoch_killed_before_its_evaluation_is_evaluated_after_all(config, tmp_path):
    # each epoch's end is due for a checkpoint of its own, too
    config = dataclasses.replace(config, checkpoint_every_steps=3)
    whole = run(config, tmp_path / "whole")

    asked = []

    def killed_the_second_time():
        asked.append(1)
        if len(asked) == 2:
            raise KilledError
        return data_of().evaluation()

    data = dataclasses.replace(data_of(), evaluation=killed_the_second_time)
    with pytest.raises(KilledError):
        run(config, tmp_path / "cut", data=data)
    assert not (tmp_path / "cut" / "ckpt" / "step-00000006").exists()
    resumed = run(config, tmp_path / "cut", seed=99, data=data)
    assert len(asked) == 3
    np.testing.assert_equal(values(resumed), values(whole))


def test_a_training_that_stopped_early_is_not_taken_up_again(config, tmp_path):
    # nothing is ever found, so the first evaluation is the best
    config = dataclasses.replace(config, early_stopping_epochs=1, train_steps=30)
    first = run(config, tmp_path)
    assert int(first.optimizer.iterations) == 6
    again = run(config, tmp_path, seed=5, data=killing_at(6))
    np.testing.assert_equal(values(again), values(first))


def test_early_stopping_counts_epochs_and_not_evaluations(config, tmp_path):
    # evaluated after steps 6 and 12, the second and fourth epoch; nothing is found
    rare = dataclasses.replace(
        config, early_stopping_epochs=2, evaluate_every_epochs=2, train_steps=30
    )
    assert int(run(rare, tmp_path / "rare").optimizer.iterations) == 12
    often = dataclasses.replace(
        config, early_stopping_epochs=2, evaluate_every_steps=1, train_steps=30
    )
    # first evaluated at step 1; after step 6 the best is 5 steps old, after step 9 two
    # epochs and more
    assert int(run(often, tmp_path / "often").optimizer.iterations) == 9


def test_what_only_watches_a_training_does_not_begin_it_anew(config, tmp_path):
    run(dataclasses.replace(config, train_steps=3), tmp_path)
    watched = dataclasses.replace(
        config, train_steps=3, checkpoint_every_steps=1, tensorboard_images=0
    )
    run(watched, tmp_path, data=killing_at(0))


def test_a_finished_training_is_not_repeated(config, tmp_path):
    first = run(config, tmp_path)
    again = run(config, tmp_path, seed=5, data=killing_at(0))
    for a, b in zip(first.variables, again.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_another_config_starts_afresh(config, tmp_path):
    run(config, tmp_path)
    changed = dataclasses.replace(config, seed=1)
    with pytest.raises(tf.errors.OpError):
        run(changed, tmp_path, data=killing_at(0))


def test_a_broken_image_stops_training_and_is_named(config, tmp_path):
    def broken(step):
        batch = batch_of_step(step)
        poison = tf.where(step == 4, float("nan"), 0.0)
        return {**batch, "images": tf.cast(batch["images"], tf.float32) + poison}

    expected = "at step 5; images of its batch: image-4-first, image-4-second"
    with pytest.raises(NonFiniteLossError, match=expected):
        run(config, tmp_path, data=data_of(broken))
    saved = sorted(path.name for path in (tmp_path / "ckpt").glob("step-*"))
    assert saved[-1] == "step-00000004"


def read_events(folder):
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return {
        tag: [(event.step, event.tensor_proto) for event in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
    }


def test_tensorboard_shows_map_by_class_and_images_with_detections(config, tmp_path):
    # evaluated inside of the epoch, and at its end
    changed = dataclasses.replace(config, evaluate_every_steps=2, tensorboard_images=1)
    run(dataclasses.replace(changed, train_steps=3), tmp_path)
    tags = read_events(tmp_path / "log")
    assert {
        "eval/AP",
        "eval/AP50",
        "eval/AR100",
        "eval_AP50/bee",
        "eval_AP/bee",
    } <= set(tags)
    assert [step for step, _ in tags["eval/AP50"]] == [2, 3]
    first, second = (tf.make_ndarray(x) for _, x in tags["eval/detections"])
    # width and height, then the pictures
    assert [int(first[0]), int(first[1]), len(first)] == [32, 32, 3]
    drawn = [tf.io.decode_png(x[2], channels=3).numpy() for x in (first, second)]
    # the left edge of the box from 4, 4 to 24, 28; both times of the same image
    for picture in drawn:
        assert (picture[20:27, 4] == [0x3C, 0xB4, 0x4B]).all()
    np.testing.assert_array_equal(drawn[0][0], drawn[1][0])


def test_the_history_survives_a_resume_and_is_drawn(config, tmp_path):
    run(config, tmp_path / "whole")
    with pytest.raises(tf.errors.OpError):
        run(config, tmp_path / "cut", data=killing_at(5))
    run(config, tmp_path / "cut")
    whole, cut = (tmp_path / name / "log" for name in ("whole", "cut"))
    head, *rows = (whole / "history.csv").read_text().splitlines()
    assert head.startswith("step,epoch,loss,class_loss,box_loss,learning_rate,mAP")
    assert [row.split(",")[:2] for row in rows] == [["3", "1"], ["6", "2"]]
    head, *resumed = (cut / "history.csv").read_text().splitlines()
    assert resumed[0] == rows[0]
    assert [row.split(",")[:2] for row in resumed] == [["3", "1"], ["6", "2"]]
    with Image.open(whole / "learning_curves.png") as picture:
        assert picture.size == (800, 700)


def test_lengths_by_steps_and_by_epochs(config):
    # a batch may be larger than the data set
    assert config.steps_per_epoch(1) == 1
    assert config.steps_per_epoch(5) == 3
    assert config.total_steps(5) == STEPS
    epochs = dataclasses.replace(config, train_steps=0, num_epochs=4)
    assert epochs.total_steps(5) == 12

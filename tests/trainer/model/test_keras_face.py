"""Keras's own fit, evaluate, callbacks and files around the model and its metrics."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.metrics.keras_metric import COCOMeanAveragePrecision, COCORecall
from trainer.model.build import build_retinanet
from trainer.model.config import ModelConfig

IMAGES, SIDE, MAX_BOXES = 5, 64, 3
ROOT = Path(__file__).parents[3]
PROGRAM = ROOT / "tests" / "trainer" / "programs" / "keras_face.py"


def examples():
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (IMAGES, SIDE, SIDE, 3)).astype("uint8")
    left_top = random.uniform(0, 30, (IMAGES, MAX_BOXES, 2))
    sides = random.uniform(10, 30, (IMAGES, MAX_BOXES, 2))
    classes = random.integers(-1, 3, (IMAGES, MAX_BOXES)).astype("int32")
    return pictures, {
        "gt_boxes": np.concatenate([left_top, left_top + sides], -1).astype("float32"),
        "gt_classes": classes,
        "gt_difficult": np.zeros((IMAGES, MAX_BOXES), "int32"),
    }


def batches(size, drop_remainder=False):
    """Batches of which Keras does not know how many there are."""
    stream = tf.data.Dataset.from_tensor_slices(examples()).filter(lambda x, y: True)
    return stream.batch(size, drop_remainder)


def metrics():
    arguments = {
        "class_ids": range(3),
        "bounding_box_format": "xyxy",
        "max_images": IMAGES,
        "detections_per_image": 20,
        "ground_truths_per_image": MAX_BOXES,
    }
    return [
        COCOMeanAveragePrecision(name="mAP", **arguments),
        COCORecall(name="AR", **arguments),
    ]


def compiled_model(config, **arguments):
    keras.utils.set_random_seed(0)
    model = build_retinanet(config, 3)
    rates = keras.optimizers.schedules.PiecewiseConstantDecay([2, 4], [0.01, 0.1, 0.01])
    optimizer = keras.optimizers.SGD(rates, momentum=0.9, global_clipnorm=10.0)
    arguments = {"jit_compile": False, "metrics": metrics(), **arguments}
    model.compile(optimizer=optimizer, **arguments)
    return model


def test_a_metric_that_saw_no_image_is_nan_and_not_an_error():
    for metric in metrics():
        assert np.isnan(float(metric.result()))
        # no objects and no detections at all is another way to see nothing
        none = np.zeros((0, MAX_BOXES, 7), "float32")
        metric.update_state(none, none[..., :6])
        assert np.isnan(float(metric.result()))


def test_fit_reports_the_metrics_of_the_validation(tiny_config, tmp_path):
    model = compiled_model(tiny_config)
    path = str(tmp_path / "best.keras")
    kept = keras.callbacks.ModelCheckpoint(
        path, monitor="val_mAP", mode="max", save_best_only=True
    )
    # a mAP that never rises by 2 ends the training after the second epoch
    patience = keras.callbacks.EarlyStopping(
        monitor="val_mAP", mode="max", patience=1, min_delta=2.0
    )
    history = model.fit(
        batches(2),
        validation_data=batches(2),
        epochs=9,
        callbacks=[kept, patience],
        verbose=0,
    ).history
    assert len(history["loss"]) == 2
    assert "mAP" not in history  # the training step makes no detections
    assert 0.0 <= history["val_mAP"][-1] <= 1.0
    again = keras.saving.load_model(path)
    best = int(np.argmax(history["val_mAP"]))
    values = again.evaluate(batches(2), return_dict=True, verbose=0)
    assert values["mAP"] == pytest.approx(history["val_mAP"][best], abs=1e-6)
    assert values["loss"] == pytest.approx(history["val_loss"][best], rel=1e-5)


@pytest.mark.parametrize("drop_remainder", [False, True])
def test_evaluate_gives_the_mean_over_all_images(tiny_config, drop_remainder):
    model = compiled_model(tiny_config)
    # by hand: each batch's loss counts as often as it has images
    expected, images = {"loss": 0.0, "class_loss": 0.0, "box_loss": 0.0}, 0
    for x, y in batches(2, drop_remainder):
        model.reset_metrics()
        alone = model.test_on_batch(x.numpy(), y, return_dict=True)
        images += len(x)
        for name in expected:
            expected[name] += float(alone[name]) * len(x)
    assert images == (4 if drop_remainder else 5)
    found = model.evaluate(batches(2, drop_remainder), return_dict=True, verbose=0)
    if drop_remainder:
        # with a static batch size Keras counts the step that finds the end of the data
        # in its own loss, now and then
        del expected["loss"]
    for name, total in expected.items():
        assert found[name] == pytest.approx(total / images, rel=1e-5)
    metric = metrics()[0]
    for x, y in batches(2, drop_remainder):
        metric.update_state(y, model(x))
    assert found["mAP"] == pytest.approx(float(metric.result()), abs=1e-6)


def test_a_saved_model_goes_on_where_it_was(tiny_config, tmp_path):
    model = compiled_model(tiny_config)
    model.fit(batches(2), epochs=1, verbose=0)
    path = str(tmp_path / "model.keras")
    model.save(path)
    again = keras.saving.load_model(path)
    assert again.config == tiny_config
    assert [m.get_config() for m in again.metrics] == [
        m.get_config() for m in model.metrics
    ]
    pictures = examples()[0]
    for name, value in model(pictures).items():
        np.testing.assert_array_equal(again(pictures)[name], value, err_msg=name)
    for each in (model, again):
        each.fit(batches(2), epochs=2, initial_epoch=1, verbose=0)
    for ours, theirs in zip(model.variables, again.variables, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-6)


def test_an_uncompiled_model_is_saved_with_its_precision_and_what_is_frozen(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        config = ModelConfig(
            backbone="light", frozen_stages=2, pyramid_filters=8, max_level=5
        )
        model = build_retinanet(config, 2)
    finally:
        keras.config.set_dtype_policy("float32")
    path = str(tmp_path / "model.keras")
    model.save(path)
    again = keras.saving.load_model(path)
    assert not again.compiled
    assert again.class_head.prediction.compute_dtype == "bfloat16"
    assert [v.path for v in again.trainable_variables] == [
        v.path for v in model.trainable_variables
    ]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_the_whole_script_runs_under_both_backends(backend, tmp_path, quick_to_compile):
    pytest.importorskip(backend)
    done = subprocess.run(
        [sys.executable, PROGRAM, tmp_path],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
        env={
            **os.environ,
            **quick_to_compile,
            "PYTHONPATH": str(ROOT),
            "KERAS_BACKEND": backend,
        },
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.strip().splitlines()[-1])
    assert said["backend"] == backend
    assert said["loaded"] == pytest.approx(said["evaluated"], rel=1e-4, abs=1e-5)

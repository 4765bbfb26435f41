import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.model.build import build_retinanet
from trainer.model.config import HeadConfig, MatcherConfig, ModelConfig
from trainer.model.retinanet import RetinaNet


def images(*shape, seed=0):
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (*shape, 3)).astype("uint8")


def truth(boxes, classes, max_boxes=4):
    """Ground truth of a batch from lists of lists, padded."""
    batch = len(boxes)
    padded = {
        "gt_boxes": np.full((batch, max_boxes, 4), -1.0, "float32"),
        "gt_classes": np.full((batch, max_boxes), -1, "int32"),
        "gt_difficult": np.zeros((batch, max_boxes), bool),
    }
    for row, (row_boxes, row_classes) in enumerate(zip(boxes, classes, strict=True)):
        if row_boxes:
            padded["gt_boxes"][row, : len(row_boxes)] = row_boxes
            padded["gt_classes"][row, : len(row_classes)] = row_classes
    return padded


@pytest.mark.parametrize("shape", [(1, 64, 64), (3, 300, 40), (2, 1, 1)])
def test_any_batch_and_image_size_gives_detections_inside_the_image(tiny_model, shape):
    found = tiny_model.predict_on_batch(images(*shape))
    assert found["boxes"].shape == (shape[0], 20, 4)
    assert (found["boxes"][..., 0::2] <= shape[2]).all()
    assert (found["boxes"][..., 1::2] <= shape[1]).all()
    assert found["num_detections"].shape == (shape[0],)


def test_predict_takes_more_images_than_a_batch(tiny_model):
    found = tiny_model.predict(images(5, 64, 64), batch_size=2, verbose=0)
    assert found["boxes"].shape == (5, 20, 4)


def test_predictions_answer_to_anchors_one_by_one(tiny_model):
    outputs = tiny_model(images(1, 64, 96), training=True)
    count = sum(len(level) for level in tiny_model.anchors(64, 96))
    assert outputs["class_logits"].shape == (1, count, 3)
    assert outputs["box_deltas"].shape == (1, count, 4)
    assert "boxes" not in outputs


def test_images_of_unknown_size_give_the_same_detections(tiny_model):
    given = images(2, 70, 90)
    dynamic = tf.function(
        lambda x: tiny_model(x, training=False)["boxes"],
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)],
    )
    known = np.asarray(tiny_model(given, training=False)["boxes"])
    np.testing.assert_allclose(dynamic(given).numpy(), known, atol=1e-3)


def test_first_loss_is_that_of_the_prior():
    # the paper's heads: every anchor starts at the prior, so the first class loss is
    # about A * K * .75 * .01^2 * -ln(.99) / positives and that of the positives
    config = ModelConfig(backbone="light", pyramid_filters=16)
    model = build_retinanet(config, num_classes=2)
    model.compile(optimizer="sgd")
    x, y = images(2, 128, 128), truth([[[20, 20, 84, 84]], []], [[1], []])
    loss = float(model.compute_loss(x, y, model(x, training=True)))
    # -.25 * .99^2 * ln(.01) = 1.128 a positive, and a little for the rest
    assert 1.0 < loss < 3.0


def test_the_prior_is_on_the_class_head_and_not_on_the_box_head():
    model = build_retinanet(ModelConfig(backbone="light", pyramid_filters=8), 2)
    np.testing.assert_allclose(
        np.asarray(model.class_head.prediction.bias), -np.log(99), rtol=1e-5
    )
    assert np.asarray(model.box_head.prediction.bias).max() == 0.0


def test_a_batch_without_positives_trains_the_class_head(tiny_config):
    model = build_retinanet(tiny_config, 3)
    model.compile(optimizer=keras.optimizers.SGD(0.1), run_eagerly=True)
    x, y = images(2, 64, 64), truth([[], []], [[], []])
    first = model.train_on_batch(x, y, return_dict=True)
    for _ in range(5):
        last = model.train_on_batch(x, y, return_dict=True)
    assert np.isfinite(list(last.values())).all()
    assert first["box_loss"] == 0.0
    model.reset_metrics()
    assert model.train_on_batch(x, y, return_dict=True)["loss"] < first["loss"]


def test_losses_are_divided_by_the_positives_of_the_batch(tiny_config):
    # the same image twice has twice the loss and twice the positives
    model = build_retinanet(tiny_config, 3)
    model.compile(optimizer="sgd")
    x, y = images(1, 64, 64), truth([[[8, 8, 40, 40]]], [[0]])
    predictions = model(x, training=False)
    one = float(model.compute_loss(x, y, predictions))
    twice = {name: np.concatenate([value] * 2) for name, value in y.items()}
    doubled = {name: np.concatenate([v] * 2) for name, v in predictions.items()}
    two = float(model.compute_loss(np.concatenate([x] * 2), twice, doubled))
    assert two == pytest.approx(one, rel=1e-5)


def test_difficult_boxes_teach_nothing_if_ignored(tiny_config):
    x, y = images(1, 64, 64), truth([[[8, 8, 40, 40]]], [[0]])
    y["gt_difficult"][0, 0] = True
    losses = {}
    for rule in ("ignore", "train"):
        matcher = MatcherConfig(kind="atss", difficult=rule)
        config = dataclasses.replace(tiny_config, matcher=matcher)
        model = build_retinanet(config, 3)
        model.compile(optimizer="sgd")
        model.compute_loss(x, y, model(x, training=False))
        losses[rule] = float(model.box_loss_tracker.result())
    assert losses["ignore"] == 0.0
    assert losses["train"] > 0.0


class CountDetections(keras.metrics.Metric):
    """Updated with ground truth and detections, as compile(metrics=...) promises."""

    def __init__(self):
        super().__init__(name="detections")
        self.count = self.add_weight(initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        assert y_true["gt_boxes"].shape[-1] == 4
        found = keras.ops.cast(y_pred["num_detections"], "float32")
        self.count.assign_add(keras.ops.sum(found))

    def result(self):
        return self.count


def test_compiled_metrics_see_detections_of_the_evaluation(tiny_config):
    head = HeadConfig(num_convs=1, norm="batch", prior=0.3)  # so that all is found
    model = build_retinanet(dataclasses.replace(tiny_config, head=head), 3)
    model.compile(optimizer="sgd", metrics=[CountDetections()], run_eagerly=True)
    x, y = images(2, 64, 64), truth([[[8, 8, 40, 40]], []], [[0], []])
    assert "detections" not in model.train_on_batch(x, y, return_dict=True)
    model.reset_metrics()
    result = model.test_on_batch(x, y, return_dict=True)
    assert 0.0 < result["detections"] <= 40.0  # 20 an image at most
    assert result["box_loss"] > 0.0


@pytest.mark.parametrize("loss", ["smooth_l1", "giou", "ciou"])
def test_gradients_are_finite_with_one_pixel_boxes(tiny_config, loss):
    loss_config = dataclasses.replace(tiny_config.loss, box=loss)
    model = build_retinanet(dataclasses.replace(tiny_config, loss=loss_config), 3)
    optimizer = keras.optimizers.SGD(0.01, global_clipnorm=1.0)
    model.compile(optimizer=optimizer, run_eagerly=True)
    boxes = [[[5, 5, 6, 6], [0, 0, 64, 64], [10, 10, 10, 10]], []]
    x, y = images(2, 64, 64), truth(boxes, [[0, 1, 2], []])
    for _ in range(3):
        model.train_on_batch(x, y)
    assert all(np.isfinite(np.asarray(v)).all() for v in model.variables)


def test_no_classes_are_refused(tiny_config):
    with pytest.raises(ValueError, match="num_classes >= 1, got 0"):
        RetinaNet(keras.Sequential(), 0, tiny_config)


@pytest.mark.parametrize("size", [(64, 96), (75, 101)])
def test_stages_of_a_frozen_backbone_train_as_its_images_do(tiny_config, size):
    model = build_retinanet(dataclasses.replace(tiny_config, frozen_stages=5), 3)
    given, y = images(2, *size), truth([[[5, 5, 40, 50]], []], [[1], []])
    # what the pyramid needs; P2 is not among it
    stages = model.stages(given)
    stages = {name: stages[name] for name in ("P3", "P4", "P5")}
    predictions = model(given, training=True)
    found = model(stages, training=True)
    losses = []
    for x, y_pred in ((given, predictions), (stages, found)):
        np.testing.assert_allclose(
            y_pred["class_logits"], predictions["class_logits"], atol=1e-4
        )
        losses.append(float(model.compute_loss(x=x, y=y, y_pred=y_pred)))
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)

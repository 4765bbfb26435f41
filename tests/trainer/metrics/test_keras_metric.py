"""The Keras face: same numbers as the core, in every way a graph can be run."""

import os
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

from schemas.boxes import to_xywh
from trainer.metrics.box_columns import Detections, GroundTruths
from trainer.metrics.keras_metric import COCOMeanAveragePrecision, COCORecall
from trainer.metrics.packed_boxes import pack_detections, pack_ground_truths
from trainer.metrics.summary import coco_summary

NUM_IMAGES, NUM_CLASSES, OBJECTS, FOUND = 12, 3, 5, 9


def make_images(seed=0):
    """Padded batches as a model gives them: float32, class -1 (and NaN) as padding."""
    rng = np.random.default_rng(seed)
    shape = (NUM_IMAGES, OBJECTS)
    left_top = rng.uniform(0, 150, (*shape, 2))
    gt_boxes = np.concatenate(
        [left_top, left_top + rng.uniform(8, 120, (*shape, 2))], 2
    )
    gt_classes = rng.integers(-1, NUM_CLASSES, shape)
    source = rng.integers(0, OBJECTS, (NUM_IMAGES, FOUND))
    rows = np.arange(NUM_IMAGES)[:, None]
    boxes = gt_boxes[rows, source] + rng.normal(0, 4, (NUM_IMAGES, FOUND, 4))
    classes = gt_classes[rows, source]
    boxes[classes < 0] = np.nan
    return {
        "gt_boxes": gt_boxes.astype(np.float32),
        "gt_classes": gt_classes.astype(np.int32),
        "gt_difficult": rng.random(shape) < 0.2,
        "boxes": boxes.astype(np.float32),
        "classes": classes.astype(np.int32),
        "scores": np.round(rng.random(classes.shape), 1).astype(np.float32),
    }


def split(images, rows=slice(None)):
    truth = ("gt_boxes", "gt_classes", "gt_difficult")
    found = ("boxes", "classes", "scores")
    return (
        {name: images[name][rows] for name in truth},
        {name: images[name][rows] for name in found},
    )


def core_metrics(images):
    gt_image, gt_slot = np.nonzero(images["gt_classes"] >= 0)
    image, slot = np.nonzero(images["classes"] >= 0)
    return coco_summary(
        GroundTruths(
            gt_image,
            images["gt_classes"][gt_image, gt_slot],
            to_xywh(images["gt_boxes"][gt_image, gt_slot]),
            difficult=images["gt_difficult"][gt_image, gt_slot],
        ),
        Detections(
            image,
            images["classes"][image, slot],
            to_xywh(images["boxes"][image, slot]),
            images["scores"][image, slot],
        ),
        image_ids=range(len(images["classes"])),
        class_names=[str(number) for number in range(NUM_CLASSES)],
    ).metrics


def make_metric(kind=COCOMeanAveragePrecision, **changes):
    arguments = {
        "class_ids": range(NUM_CLASSES),
        "bounding_box_format": "xyxy",
        "max_images": NUM_IMAGES,
        "ground_truths_per_image": 6,  # more than OBJECTS: batches are padded
        "detections_per_image": 10,
    }
    return kind(**{**arguments, **changes})


def batches(images, size=4):
    for start in range(0, NUM_IMAGES, size):
        yield split(images, slice(start, start + size))


def test_eager_update_has_the_core_numbers():
    images = make_images()
    metric, recall = make_metric(), make_metric(COCORecall, max_detections=10)
    for truth, found in batches(images, size=5):  # the last batch is smaller
        metric.update_state(truth, found)
        recall.update_state(truth, found)
    expected = core_metrics(images)
    assert expected["AP"] > 0.1  # or the test would show nothing
    assert float(metric.result()) == pytest.approx(expected["AP"], abs=1e-6)
    assert float(recall.result()) == pytest.approx(expected["AR10"], abs=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_update_inside_tf_function_has_the_core_numbers(jit_compile):
    import tensorflow as tf

    images = make_images()
    metric = make_metric()

    @tf.function(jit_compile=jit_compile)
    def step(truth, found):
        metric.update_state(truth, found)
        return metric.result()

    for truth, found in batches(images):
        in_graph = step(truth, found)
    assert np.isnan(in_graph)  # no epoch has ended yet
    value = float(metric.result())
    assert value == pytest.approx(core_metrics(images)["AP"], abs=1e-6)
    metric.reset_state()
    truth, found = split(images, slice(0, 4))
    assert float(step(truth, found)) == pytest.approx(value)  # the last epoch's
    first_images = {name: value[:4] for name, value in images.items()}
    expected = core_metrics(first_images)["AP"]
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("box_format", "convert"),
    [
        ("yxyx", lambda x, y, r, b: (y, x, b, r)),
        ("xywh", lambda x, y, r, b: (x, y, r - x, b - y)),
        ("center_xywh", lambda x, y, r, b: ((x + r) / 2, (y + b) / 2, r - x, b - y)),
        ("center_yxhw", lambda x, y, r, b: ((y + b) / 2, (x + r) / 2, b - y, r - x)),
        ("rel_xyxy", lambda x, y, r, b: (x / 400, y / 200, r / 400, b / 200)),
        ("rel_yxyx", lambda x, y, r, b: (y / 200, x / 400, b / 200, r / 400)),
    ],
)
def test_every_box_format_gives_the_same_number(box_format, convert):
    images = make_images()
    converted = dict(images)
    for name in ("gt_boxes", "boxes"):
        sides = np.moveaxis(images[name].astype(np.float64), -1, 0)
        converted[name] = np.stack(convert(*sides), -1).astype(np.float32)
    metric = make_metric(bounding_box_format=box_format, image_shape=(200, 400))
    metric.update_state(*split(converted))
    expected = core_metrics(images)["AP"]
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)


def test_unknown_format_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="no bounding_box_format 'xyhw'; there are"):
        make_metric(bounding_box_format="xyhw")
    with pytest.raises(ValueError, match="rel_xyxy needs image_shape"):
        make_metric(bounding_box_format="rel_xyxy")


def test_area_range_thresholds_and_classes_are_configurable():
    """One class, one threshold; by hand: of two objects the larger is out of range.

    The detection of the small one (10x10) overlaps by 9 / 11: a hit at 0.5, none at
    0.9. That of the large one matches a ground truth that is ignored.
    """
    truth = {
        "boxes": np.array([[[0, 0, 10, 10], [50, 50, 150, 150]]], np.float32),
        "classes": np.array([[2, 2]]),
    }
    found = {
        "boxes": np.array([[[1, 0, 11, 10], [50, 50, 150, 150]]], np.float32),
        "classes": np.array([[2, 2]]),
        "confidence": np.array([[0.5, 0.9]], np.float32),
    }
    for threshold, expected in ((0.5, 1.0), (0.9, 0.0)):
        metric = make_metric(
            class_ids=[2], iou_thresholds=[threshold], area_range=(0, 1000)
        )
        metric.update_state(truth, found)
        assert float(metric.result()) == pytest.approx(expected, abs=1e-6)
    other_class = make_metric(class_ids=[1])
    other_class.update_state(truth, found)
    assert np.isnan(other_class.result())  # nothing to find


def test_more_images_than_room_for_are_refused_not_dropped():
    metric = make_metric(max_images=7)
    for truth, found in batches(make_images()):
        metric.update_state(truth, found)
    with pytest.raises(ValueError, match="max_images=7 and was given 12"):
        metric.result()


def test_more_boxes_than_slots_are_refused():
    with pytest.raises(ValueError, match="9 boxes per image and the metric has 8"):
        make_metric(detections_per_image=8).update_state(*split(make_images()))


def test_nan_detections_make_the_metric_nan():
    images = make_images()
    images["scores"][3, images["classes"][3] >= 0] = np.nan
    metric = make_metric()
    metric.update_state(*split(images))
    assert np.isnan(metric.result())


def test_metric_survives_serialization():
    metric = make_metric(COCORecall, iou_thresholds=[0.5], area_range=(0, 100))
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(metric)
    )
    assert again.get_config() == metric.get_config()


class Lookup(keras.Model):
    """Gives out the packed detections of the image whose number it is shown."""

    def __init__(self, table):
        super().__init__()
        self.table = keras.ops.convert_to_tensor(table)
        self.scale = self.add_weight(shape=(), initializer="ones")

    def call(self, number):
        row = keras.ops.cast(number, "int32")  # Keras builds the model with floats
        return keras.ops.take(self.table, row, axis=0) * self.scale


def fit_with_metric(images, **compile_arguments):
    truth, found = split(images)
    packed = keras.ops.convert_to_numpy(pack_ground_truths(truth))
    model = Lookup(pack_detections({**found, "boxes": np.nan_to_num(found["boxes"])}))
    model.compile(
        optimizer=keras.optimizers.SGD(0.0),
        loss=lambda y_true, y_pred: keras.ops.mean(y_pred) * 0.0,
        metrics=[make_metric(name="mAP", max_images=NUM_IMAGES + 8)],
        **compile_arguments,
    )
    numbers = np.arange(NUM_IMAGES)
    return model.fit(
        numbers,
        packed,
        batch_size=4,
        epochs=2,
        shuffle=False,
        verbose=0,
        validation_data=(numbers[:8], packed[:8]),
    ).history


def test_compile_and_fit_report_the_exact_number_each_epoch():
    images = make_images()
    history = fit_with_metric(images, jit_compile=False)
    assert history["mAP"] == pytest.approx([core_metrics(images)["AP"]] * 2, abs=1e-6)
    first_images = {name: value[:8] for name, value in images.items()}
    expected = core_metrics(first_images)["AP"]
    assert history["val_mAP"] == pytest.approx([expected] * 2, abs=1e-6)


def run_alone(script, **environment):
    """Runs a script in a fresh interpreter, with this file importable as `case`."""
    loader = f"""
        import importlib.util, sys
        spec = importlib.util.spec_from_file_location("case", {__file__!r})
        case = importlib.util.module_from_spec(spec)
        sys.modules["case"] = case
        spec.loader.exec_module(case)
    """
    source = textwrap.dedent(loader) + textwrap.dedent(script)
    done = subprocess.run(
        [sys.executable, "-c", source],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.slow
@pytest.mark.parametrize("num_replicas", [2, 4])
def test_replicas_have_the_number_of_one_device(num_replicas):
    """Virtual CPU devices must be made before TensorFlow starts: in a new process."""
    script = f"""
        import tensorflow as tf
        cpu = tf.config.list_physical_devices("CPU")[0]
        parts = [tf.config.LogicalDeviceConfiguration()] * {num_replicas}
        tf.config.set_logical_device_configuration(cpu, parts)
        devices = [f"/cpu:{{number}}" for number in range({num_replicas})]
        strategy = tf.distribute.MirroredStrategy(devices)
        images = case.make_images()
        with strategy.scope():
            metric = case.make_metric(max_images=case.NUM_IMAGES + 8)
        data = tf.data.Dataset.from_tensor_slices(case.split(images)).batch(8)

        @tf.function
        def step(truth, found):
            strategy.run(metric.update_state, (truth, found))

        for epoch in range(2):
            metric.reset_state()
            for truth, found in strategy.experimental_distribute_dataset(data):
                step(truth, found)
            print(repr(float(metric.result())))
        with strategy.scope():
            history = case.fit_with_metric(images, jit_compile=False)
        print(history["mAP"][-1])
    """
    expected = core_metrics(make_images())["AP"]
    values = [float(value) for value in run_alone(script)]
    assert values == pytest.approx([expected] * 3, abs=1e-6)


@pytest.mark.slow
def test_jax_backend_has_the_core_numbers():
    script = """
        import jax
        images = case.make_images()
        metric = case.make_metric()
        state = [variable.value for variable in metric.variables]
        update = jax.jit(metric.stateless_update_state)
        for truth, found in case.batches(images):
            state = update(state, truth, found)
        in_graph = jax.jit(metric.stateless_result)(state)
        for variable, value in zip(metric.variables, state):
            variable.assign(value)
        history = case.fit_with_metric(images)
        print(float(in_graph), float(metric.result()), history["mAP"][-1])
    """
    in_graph, value, fitted = map(float, run_alone(script, KERAS_BACKEND="jax"))
    assert np.isnan(in_graph)
    expected = core_metrics(make_images())["AP"]
    assert [value, fitted] == pytest.approx([expected] * 2, abs=1e-6)

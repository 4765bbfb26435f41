"""The TFMA metric, run by TFMA on a SavedModel, against pycocotools."""

import contextlib
import io
import json
import math

import numpy as np
import pytest

pytestmark = [
    pytest.mark.slow,  # importing TFX and TFMA takes most of half a minute
    pytest.mark.filterwarnings("ignore"),  # theirs, on import and on every Beam run
]

CLASS_NAMES = ["apple", "pear", "zebra"]
WIDTH, HEIGHT = 400, 200
NUM_IMAGES = 6
MAX_DETECTIONS = 8


@pytest.fixture(scope="module", autouse=True)
def _tfx_before_tfma():
    from tfx import v1 as _tfx  # noqa: F401  it completes older releases of TFDV


@pytest.fixture(scope="module")
def data():
    """Integer boxes, ties in the scores, one image without objects, padding."""
    rng = np.random.default_rng(7)
    images = []
    for number in range(NUM_IMAGES):
        num_objects = 0 if number == 2 else int(rng.integers(1, 5))
        left_top = rng.integers(0, 80, (num_objects, 2))
        gt_boxes = np.concatenate(
            [left_top, left_top + rng.integers(10, 110, (num_objects, 2))], axis=1
        )
        gt_classes = rng.integers(0, 2, num_objects)
        num_detections = int(rng.integers(2, MAX_DETECTIONS))
        source = rng.integers(0, max(num_objects, 1), num_detections)
        jitter = rng.integers(-4, 5, (num_detections, 4))
        base = gt_boxes[source] if num_objects else np.full((num_detections, 4), 10)
        boxes = base + jitter
        boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
        classes = gt_classes[source] if num_objects else np.zeros(num_detections, int)
        images.append(
            {
                "id": f"img-{number}",
                "gt_boxes": gt_boxes,
                "gt_classes": gt_classes,
                "difficult": rng.random(num_objects) < 0.3,
                "boxes": boxes.astype(np.float32),
                "classes": classes,
                "scores": np.round(rng.random(num_detections), 1).astype(np.float32),
            }
        )
    return images


def serialized_example(image):
    import tensorflow as tf

    def floats(values):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))

    def ints(values):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    def texts(values):
        encoded = [value.encode() for value in values]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=encoded))

    scale = [WIDTH, HEIGHT, WIDTH, HEIGHT]
    names = [CLASS_NAMES[c] for c in image["gt_classes"]]
    features = {
        "image/source_id": texts([image["id"]]),
        "image/width": ints([WIDTH]),
        "image/height": ints([HEIGHT]),
        "image/object/class/text": texts(names),
        "image/object/difficult": ints(image["difficult"].astype(int)),
    }
    for side, name in enumerate(("xmin", "ymin", "xmax", "ymax")):
        values = image["gt_boxes"][:, side] / scale[side]
        features[f"image/object/bbox/{name}"] = floats(values)
    return tf.train.Example(
        features=tf.train.Features(feature=features)
    ).SerializeToString()


def save_model(path, images, *, score_factor=1.0, class_order=(0, 1, 2)):
    """A model that looks its detections up by image id; ids may be permuted."""
    import tensorflow as tf

    boxes = np.zeros((NUM_IMAGES, MAX_DETECTIONS, 4), np.float32)
    scores = np.zeros((NUM_IMAGES, MAX_DETECTIONS), np.float32)
    classes = np.full((NUM_IMAGES, MAX_DETECTIONS), -1, np.int32)
    names = np.full((NUM_IMAGES, MAX_DETECTIONS), "", object)
    for row, image in enumerate(images):
        count = len(image["boxes"])
        boxes[row, :count] = image["boxes"]
        scores[row, :count] = image["scores"] * np.float32(score_factor)
        classes[row, :count] = [class_order.index(c) for c in image["classes"]]
        names[row, :count] = [CLASS_NAMES[c] for c in image["classes"]]

    class Detector(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def serving_tf_example(self, examples):
            spec = {"image/source_id": tf.io.FixedLenFeature([], tf.string)}
            source = tf.io.parse_example(examples, spec)["image/source_id"]
            row = tf.strings.to_number(tf.strings.substr(source, 4, -1), tf.int32)
            return {
                "boxes": tf.gather(boxes, row),
                "scores": tf.gather(scores, row),
                "classes": tf.gather(classes, row),
                "class_names": tf.gather(tf.constant(names.tolist()), row),
                "num_detections": tf.gather([len(i["boxes"]) for i in images], row),
            }

    module = Detector()
    signatures = {"serving_tf_example": module.serving_tf_example}
    tf.saved_model.save(module, str(path), signatures)


def xywh(box):
    left, top, right, bottom = (float(side) for side in box)
    return [left, top, right - left, bottom - top]


def coco_annotations(images):
    rows = [
        (number, *row)
        for number, image in enumerate(images)
        for row in zip(
            image["gt_boxes"], image["gt_classes"], image["difficult"], strict=True
        )
    ]
    return [
        {
            "id": index + 1,
            "image_id": number,
            "category_id": int(category),
            "bbox": xywh(box),
            "area": xywh(box)[2] * xywh(box)[3],
            "iscrowd": 0,
            "difficult": int(difficult),
        }
        for index, (number, box, category, difficult) in enumerate(rows)
    ]


def coco_results(images):
    return [
        {
            "image_id": number,
            "category_id": int(category),
            "bbox": xywh(box),
            "score": float(score),
        }
        for number, image in enumerate(images)
        for box, category, score in zip(
            image["boxes"], image["classes"], image["scores"], strict=True
        )
    ]


def pycocotools_stats(images, *, class_id=None):
    """The 12 numbers with difficult ground truths ignored; of one class if given."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    class IgnoringEval(COCOeval):
        def _prepare(self):
            super()._prepare()
            for ground_truths in self._gts.values():
                for ground_truth in ground_truths:
                    ground_truth["ignore"] = ground_truth["difficult"]

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "info": {},
            "images": [{"id": number} for number in range(len(images))],
            "categories": [{"id": number} for number in range(len(CLASS_NAMES))],
            "annotations": coco_annotations(images),
        }
        coco.createIndex()
        evaluation = IgnoringEval(coco, coco.loadRes(coco_results(images)), "bbox")
        if class_id is not None:
            evaluation.params.catIds = [class_id]
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


def run_tfma(
    tmp_path,
    examples,
    models,
    *,
    thresholds=None,
    threshold=None,
    slices=((),),
    images_folder="",
):
    """Runs TFMA as the evaluator component does; returns its output folder."""
    import apache_beam as beam
    import tensorflow as tf
    import tensorflow_model_analysis as tfma
    from apache_beam.options.pipeline_options import PipelineOptions
    from tfx_bsl.public import tfxio

    records = tmp_path / "images-00000-of-00001.gz"
    with tf.io.TFRecordWriter(str(records), "GZIP") as writer:
        for example in examples:
            writer.write(example)
    specs = [
        tfma.ModelSpec(
            name=name,
            model_type="tf_generic",
            signature_name="serving_tf_example",
            is_baseline=name == "baseline",
        )
        for name in models
    ]
    metric = tfma.MetricConfig(
        module="components.evaluator.coco_metric",
        class_name="ExactCOCO",
        config=json.dumps(
            {
                "class_names": CLASS_NAMES,
                "difficult": "ignore",
                "images_folder": images_folder,
            }
        ),
        threshold=threshold,
    )
    config = tfma.EvalConfig(
        model_specs=specs,
        metrics_specs=[tfma.MetricsSpec(metrics=[metric], thresholds=thresholds or {})],
        slicing_specs=[tfma.SlicingSpec(feature_keys=list(keys)) for keys in slices],
    )
    shared = [
        tfma.default_eval_shared_model(
            eval_saved_model_path=str(path), model_name=name, eval_config=config
        )
        for name, path in models.items()
    ]
    source = tfxio.TFExampleRecord(
        file_pattern=str(records), raw_record_column_name=tfma.ARROW_INPUT_COLUMN
    )
    output = tmp_path / "output"
    options = PipelineOptions(["--runner=FnApiRunner"])
    with beam.Pipeline(options=options) as pipeline:
        _ = (
            pipeline
            | source.BeamSource(batch_size=4)
            | tfma.ExtractEvaluateAndWriteResults(
                eval_config=config, eval_shared_model=shared, output_path=str(output)
            )
        )
    return str(output)


def metrics_of(output, model_name="", slice_key=()):
    """TFMA drops a model's name where there is only one, and writes NaN as text."""
    import tensorflow_model_analysis as tfma

    result = tfma.load_eval_result(output, model_name=model_name)
    values = result.get_metrics_for_all_slices()[slice_key]
    return {
        name: float(value["doubleValue"])
        for name, value in values.items()
        if name != "image_files"
    }


NAMES = ["AP", "AP50", "AP75", "APs", "APm", "APl"]
NAMES += ["AR1", "AR10", "AR100", "ARs", "ARm", "ARl"]


def assert_same(metrics, stats):
    """pycocotools says -1 where TFMA is told NaN: nothing to find."""
    for name, expected in zip(NAMES, stats, strict=True):
        if expected == -1:
            assert math.isnan(metrics[name]), name
        else:
            assert metrics[name] == pytest.approx(expected, abs=1e-9), name


@pytest.mark.parametrize("kept", [False, True])
def test_one_model_has_pycocotools_numbers_overall_and_per_class(tmp_path, data, kept):
    """And a threshold inside the MetricConfig applies to AP."""
    import tensorflow_model_analysis as tfma
    from google.protobuf.wrappers_pb2 import DoubleValue

    save_model(tmp_path / "model", data)
    bound = DoubleValue(value=pycocotools_stats(data)[0] - 1e-6)
    output = run_tfma(
        tmp_path,
        map(serialized_example, data),
        {"candidate": tmp_path / "model"},
        threshold=tfma.MetricThreshold(
            value_threshold=tfma.GenericValueThreshold(lower_bound=bound)
        ),
        images_folder=str(tmp_path / "images") if kept else "",
    )
    assert tfma.load_validation_result(output).validation_ok
    metrics = metrics_of(output)
    assert_same(metrics, pycocotools_stats(data))
    for class_id, name in enumerate(CLASS_NAMES[:2]):
        stats = pycocotools_stats(data, class_id=class_id)
        assert metrics[f"AP/{name}"] == pytest.approx(stats[0], abs=1e-9)
        assert metrics[f"AP50/{name}"] == pytest.approx(stats[1], abs=1e-9)
    assert math.isnan(metrics["AP/zebra"])  # there is no zebra to find


def test_candidate_and_baseline_slices_and_change_thresholds(tmp_path, data):
    """The baseline numbers its classes otherwise and sees everything 5 pixels off."""
    import tensorflow_model_analysis as tfma
    from google.protobuf.wrappers_pb2 import DoubleValue

    worse = [{**image, "boxes": image["boxes"] + 5} for image in data]
    save_model(tmp_path / "candidate", data)
    save_model(tmp_path / "baseline", worse, class_order=(2, 0, 1))
    own = pycocotools_stats(data)
    change = own[0] - pycocotools_stats(worse)[0]
    assert change > 0.01  # or the test would show nothing
    thresholds = {
        "AP": tfma.MetricThreshold(
            value_threshold=tfma.GenericValueThreshold(
                lower_bound=DoubleValue(value=own[0] - 1e-6)
            ),
            change_threshold=tfma.GenericChangeThreshold(
                absolute=DoubleValue(value=change + 1e-6),
                direction=tfma.MetricDirection.HIGHER_IS_BETTER,
            ),
        )
    }
    output = run_tfma(
        tmp_path,
        map(serialized_example, data),
        {"candidate": tmp_path / "candidate", "baseline": tmp_path / "baseline"},
        thresholds=thresholds,
        slices=((), ("image/source_id",)),
    )
    assert_same(metrics_of(output, "candidate"), own)
    assert_same(metrics_of(output, "baseline"), pycocotools_stats(worse))
    one = metrics_of(output, "candidate", (("image/source_id", data[3]["id"]),))
    assert_same(one, pycocotools_stats(data[3:4]))
    # The change asked for is a millionth more than there is: only that may fail.
    validation = tfma.load_validation_result(output)
    assert not validation.validation_ok
    overall = [
        result
        for result in validation.metric_validations_per_slice
        if not result.slice_key.single_slice_keys
    ]
    failures = [failure for result in overall for failure in result.failures]
    assert [failure.metric_key.is_diff for failure in failures] == [True]
    assert failures[0].metric_value.double_value.value == pytest.approx(change)


@pytest.mark.parametrize("kept", [False, True])
def test_a_model_that_gives_nan_has_nan_metrics(tmp_path, data, kept):
    save_model(tmp_path / "model", data, score_factor=math.nan)
    output = run_tfma(
        tmp_path,
        map(serialized_example, data),
        {"candidate": tmp_path / "model"},
        images_folder=str(tmp_path / "images") if kept else "",
    )
    metrics = metrics_of(output)
    assert all(math.isnan(value) for value in metrics.values())

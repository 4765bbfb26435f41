#!/usr/bin/env bash
# TensorFlow Model Analysis' COCOMeanAveragePrecision is not pycocotools' AP in two places.
# A class without an object in the data counts 0 in its mean, where COCO leaves it out (and
# TFMA's own COCOMeanAverageRecall does, too): a slice that lacks some of `class_ids`, as
# most do, scores low, and a perfect model is marked down for the data. With an
# `area_range` a detection of an object outside the range is a false positive where the
# detection itself lies inside; COCO ignores it, being right about that object.
#
# AP50 and, for TFMA, recall. `missed`: one of two objects is found. `absent`: the one
# object is found, and a second class has none and no detection. `small`: area 0 to 32^2,
# where a box of 33 x 33 is detected as 31 x 31, and a small object exactly.
# Seen with tensorflow-model-analysis 0.52.0, tensorflow 2.21.0, apache-beam 2.77.0,
# pycocotools 2.0.11, Python 3.11:
#   missed  pycocotools 0.5050  TFMA 0.5050  TFMA's recall 0.5000
#   absent  pycocotools 1.0000  TFMA 0.5000  TFMA's recall 1.0000
#   small   pycocotools 1.0000  TFMA 0.5000  TFMA's recall 1.0000
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet tensorflow-model-analysis==0.52.0 \
  tensorflow==2.21.0 apache-beam==2.77.0 pycocotools==2.0.11
cat > "$place/run.py" <<'PYTHON'
import contextlib, io, json

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from tensorflow_model_analysis.proto import config_pb2

ONE, OTHER = [10, 10, 60, 60], [100, 100, 150, 150]
MEDIUM, AS_SMALL, SMALL = [10, 10, 43, 43], [10, 10, 41, 41], [100, 100, 120, 120]
ALL = [0, 1e10]
CASES = {  # boxes and classes; boxes, classes and scores; classes; range of areas
    "missed": ([[*ONE, 1], [*OTHER, 1]], [[*ONE, 1, 0.9]], [1], ALL),
    "absent": ([[*ONE, 1]], [[*ONE, 1, 0.9]], [1, 2], ALL),
    "small": ([[*MEDIUM, 1], [*SMALL, 1]], [[*AS_SMALL, 1, 0.9], [*SMALL, 1, 0.8]], [1],
              [0, 32**2]),
}


def xywh(box):
    return [box[0], box[1], box[2] - box[0], box[3] - box[1]]


def coco(objects, found, classes, areas):
    truth = COCO()
    truth.dataset = {
        "images": [{"id": 1, "width": 200, "height": 200}],
        "categories": [{"id": number, "name": str(number)} for number in classes],
        "annotations": [
            {"id": number, "image_id": 1, "category_id": row[4], "bbox": xywh(row),
             "area": xywh(row)[2] * xywh(row)[3], "iscrowd": 0}
            for number, row in enumerate(objects, 1)],
    }
    rows = [[1, *xywh(row), row[5], row[4]] for row in found]
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(np.array(rows)), "bbox")
        evaluation.params.iouThrs = np.array([0.5])
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [areas], ["asked"]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][..., -1]
    return precision[precision > -1].mean()


def report(name, coco_ap, values):
    ap, recall = (float(np.squeeze(values[key])) for key in ("ap", "recall"))
    print(f"{name:7} pycocotools {coco_ap:.4f}  TFMA {ap:.4f}  TFMA's recall {recall:.4f}",
          flush=True)


for name, (objects, found, classes, areas) in CASES.items():
    arguments = {"iou_thresholds": [0.5], "class_ids": classes, "area_range": areas,
                 "max_num_detections": 100}
    config = json_format.ParseDict({
        "model_specs": [{"prediction_key": "predictions", "label_key": "labels"}],
        "slicing_specs": [{}],
        "metrics_specs": [{"metrics": [
            {"class_name": kind, "config": json.dumps({**arguments, "name": short})}
            for kind, short in (("COCOMeanAveragePrecision", "ap"),
                                ("COCOMeanAverageRecall", "recall"))]}],
    }, config_pb2.EvalConfig())
    features = {"labels": np.array([objects], float), "predictions": np.array([found], float)}
    ap = coco(objects, found, classes, areas)
    with beam.Pipeline() as pipeline:
        result = (
            pipeline
            | beam.Create([{"features": features}])
            | tfma.ExtractAndEvaluate(
                extractors=tfma.default_extractors(eval_shared_model=None, eval_config=config),
                evaluators=tfma.default_evaluators(eval_config=config))
        )
        _ = result["metrics"] | beam.MapTuple(lambda _, metrics, name=name, ap=ap: report(
            name, ap, {key.name: value for key, value in metrics.items()}))
PYTHON
seen=$(TF_CPP_MIN_LOG_LEVEL=3 "$place/venv/bin/python" "$place/run.py" 2> "$place/log") || { cat "$place/log" >&2; exit 1; }
echo "$seen"
[ "$seen" = "missed  pycocotools 0.5050  TFMA 0.5050  TFMA's recall 0.5000
absent  pycocotools 1.0000  TFMA 0.5000  TFMA's recall 1.0000
small   pycocotools 1.0000  TFMA 0.5000  TFMA's recall 1.0000" ] ||
  { echo "this has changed" >&2; exit 1; }

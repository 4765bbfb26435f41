#!/usr/bin/env bash
# torchmetrics' MeanAveragePrecision hands pycocotools thresholds that were rounded to
# float32: its "0.6" is 0.60000002. A detection whose IoU is exactly 0.6 is a match for
# pycocotools and none for torchmetrics; and where recall ends exactly at 0.6, one of the
# 101 points of precision is lost. Whole boxes and few objects meet both often; the same
# engine does the matching, so that no look at the engine explains it.
#
# `iou`: one object of 50 x 50 pixels, one detection of 50 x 30 in it. `recall`: ten
# objects, six of them found exactly. Boxes are whole numbers, which float32 holds.
# Thresholds from numpy (`iou_thresholds`, `rec_thresholds`) give pycocotools' numbers.
# Seen with torchmetrics 1.9.0, torch 2.15.0, pycocotools 2.0.11, Python 3.11 (it
# installs 5 GB where pip takes torch with CUDA):
#   iou     pycocotools 0.3000 torchmetrics 0.2000 with numpy's thresholds 0.3000
#   recall  pycocotools 0.6040 torchmetrics 0.5941 with numpy's thresholds 0.6040
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet torchmetrics==1.9.0 torch==2.15.0 torchvision==0.29.2 pycocotools==2.0.11
cat > "$place/run.py" <<'PYTHON'
import contextlib, io

import numpy as np
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchmetrics.detection import MeanAveragePrecision

IOUS, RECALLS = np.linspace(0.5, 0.95, 10), np.linspace(0, 1, 101)

def by_pycocotools(objects, found):
    truth = COCO()
    truth.dataset = {
        "images": [{"id": 1}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": number, "image_id": 1, "category_id": 1, "bbox": box,
             "area": box[2] * box[3], "iscrowd": 0}
            for number, box in enumerate(objects, 1)
        ],
    }
    truth.createIndex()
    results = [{"image_id": 1, "category_id": 1, "bbox": box, "score": 0.5} for box in found]
    evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.stats[0]

def by_torchmetrics(objects, found, **thresholds):
    metric = MeanAveragePrecision(box_format="xywh", backend="pycocotools", **thresholds)

    metric.update(
        [{"boxes": torch.tensor(found, dtype=torch.float32),
          "scores": torch.full([len(found)], 0.5), "labels": torch.zeros(len(found), dtype=torch.int)}],
        [{"boxes": torch.tensor(objects, dtype=torch.float32),
          "labels": torch.zeros(len(objects), dtype=torch.int)}])
    return float(metric.compute()["map"])

ten = [[60 * number, 10, 50, 50] for number in range(10)]
for name, objects, found in (
    ("iou   ", [[10, 10, 50, 50]], [[10, 10, 50, 30]]),
    ("recall", ten, ten[:6]),
):
    with contextlib.redirect_stdout(io.StringIO()):
        first = by_pycocotools(objects, found)
        second = by_torchmetrics(objects, found)
        third = by_torchmetrics(
            objects, found, iou_thresholds=IOUS.tolist(), rec_thresholds=RECALLS.tolist())
    print(f"{name}  pycocotools {first:.4f} torchmetrics {second:.4f}"
          f" with numpy's thresholds {third:.4f}")
PYTHON
seen=$("$place/venv/bin/python" "$place/run.py" 2> "$place/log") || { cat "$place/log" >&2; exit 1; }
echo "$seen"
[ "$seen" = "iou     pycocotools 0.3000 torchmetrics 0.2000 with numpy's thresholds 0.3000
recall  pycocotools 0.6040 torchmetrics 0.5941 with numpy's thresholds 0.6040" ] ||
  { echo "this has changed" >&2; exit 1; }

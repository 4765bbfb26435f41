"""The sides of benchmarks/metrics.py: each loads two COCO files, then evaluates them.

Run as a program with a side's name, the two files and how often to evaluate again, it
prints one JSON object: what loading and evaluating took in this fresh process, what
evaluating took again, the memory, and the twelve numbers. OMP_NUM_THREADS and
RAYON_NUM_THREADS say how many threads there are.
"""

import contextlib
import importlib.metadata
import io
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Evaluate = Callable[[], Sequence[float]]
THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))


def ours(ground_truth: Path, detections: Path) -> Evaluate:
    from trainer.metrics.coco_files import read_annotations, read_results
    from trainer.metrics.summary import coco_summary

    annotated = read_annotations(ground_truth)
    results, _ = read_results(detections, annotated)
    return lambda: list(
        coco_summary(
            annotated.ground_truths,
            results,
            image_ids=annotated.image_ids,
            class_names=annotated.class_names,
            difficult="plain",
            threads=THREADS,
        ).metrics.values()
    )


def _pycocotools_like(coco: Any, evaluation: Any) -> Callable[[Path, Path], Evaluate]:
    def load(ground_truth: Path, detections: Path) -> Evaluate:
        truth = coco(str(ground_truth))
        found = truth.loadRes(str(detections))

        def evaluate() -> Sequence[float]:
            run = evaluation(truth, found, "bbox")
            run.evaluate()
            run.accumulate()
            run.summarize()
            return [float(number) for number in run.stats[:12]]

        return evaluate

    return load


def pycocotools(ground_truth: Path, detections: Path) -> Evaluate:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    return _pycocotools_like(COCO, COCOeval)(ground_truth, detections)


def faster_coco_eval(ground_truth: Path, detections: Path) -> Evaluate:
    from faster_coco_eval import COCO, COCOeval_faster

    return _pycocotools_like(COCO, COCOeval_faster)(ground_truth, detections)


def hotcoco(ground_truth: Path, detections: Path) -> Evaluate:
    from hotcoco import COCO, COCOeval

    return _pycocotools_like(COCO, COCOeval)(ground_truth, detections)


def ultrafast_pycocotools(ground_truth: Path, detections: Path) -> Evaluate:
    from ultrafast_pycocotools.coco import COCO
    from ultrafast_pycocotools.cocoeval import COCOeval

    return _pycocotools_like(COCO, COCOeval)(ground_truth, detections)


def vernier(ground_truth: Path, detections: Path) -> Evaluate:
    """Its array form: image_id, x, y, w, h, score, category_id in float64."""
    import numpy as np
    from vernier.instance import Bbox, CocoDataset, Evaluator

    dataset = CocoDataset.from_json(ground_truth.read_bytes())
    rows = json.loads(detections.read_bytes())
    matrix = np.array(
        [(r["image_id"], *r["bbox"], r["score"], r["category_id"]) for r in rows],
        np.float64,
    )
    evaluator = Evaluator(iou=Bbox(), parity_mode="strict")
    return lambda: list(evaluator.evaluate(dataset, matrix).stats)[:12]


def torchmetrics(ground_truth: Path, detections: Path) -> Evaluate:
    """Its default backend, pycocotools; one update of all images, its fastest way."""
    import torch
    from torchmetrics.detection import MeanAveragePrecision

    truth = json.loads(ground_truth.read_bytes())
    by_image: dict[int, tuple[list[Any], list[Any]]] = {
        image["id"]: ([], []) for image in truth["images"]
    }
    for row in truth["annotations"]:
        by_image[row["image_id"]][0].append(row)
    for row in json.loads(detections.read_bytes()):
        by_image[row["image_id"]][1].append(row)

    def columns(rows: list[Any], **more: str) -> dict[str, Any]:
        boxes = torch.tensor([r["bbox"] for r in rows], dtype=torch.float32)
        named = {"boxes": boxes.reshape(-1, 4)}
        for name, key in {"labels": "category_id", **more}.items():
            named[name] = torch.tensor([r[key] for r in rows])
        named["labels"] = named["labels"].long()
        return named

    target = [
        columns(rows, iscrowd="iscrowd", area="area") for rows, _ in by_image.values()
    ]
    predicted = [columns(rows, scores="score") for _, rows in by_image.values()]

    def evaluate() -> Sequence[float]:
        metric = MeanAveragePrecision(box_format="xywh", backend="pycocotools")
        metric.update(predicted, target)
        value = metric.compute()
        names = ["map", "map_50", "map_75", "map_small", "map_medium", "map_large"]
        names += ["mar_1", "mar_10", "mar_100", "mar_small", "mar_medium", "mar_large"]
        return [float(value[name]) for name in names]

    return evaluate


# side -> loader, distribution to tell the version of
SIDES: dict[str, tuple[Callable[[Path, Path], Evaluate], str]] = {
    "ours": (ours, "numpy"),
    "hotcoco": (hotcoco, "hotcoco"),
    "ultrafast-pycocotools": (ultrafast_pycocotools, "ultrafast-pycocotools"),
    "vernier": (vernier, "vernier"),
    "faster-coco-eval": (faster_coco_eval, "faster-coco-eval"),
    "torchmetrics": (torchmetrics, "torchmetrics"),
    "pycocotools": (pycocotools, "pycocotools"),
}


def _timed(call: Callable[[], Any]) -> tuple[Any, float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    value = call()
    return value, time.perf_counter() - wall, time.process_time() - cpu


def _peak_mb() -> float:
    """Linux's own account; getrusage would count what the parent held at the fork."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main(side: str, ground_truth: str, detections: str, repeats: str) -> None:
    load, distribution = SIDES[side]
    silence = io.StringIO()
    with contextlib.redirect_stdout(silence):
        evaluate, load_s, load_cpu_s = _timed(
            lambda: load(Path(ground_truth), Path(detections))
        )
        numbers, fresh_s, fresh_cpu_s = _timed(evaluate)
        warm = [_timed(evaluate)[1:] for _ in range(int(repeats))]
    report = {
        "version": importlib.metadata.version(distribution),
        "load_s": load_s,
        "load_cpu_s": load_cpu_s,
        "fresh_s": fresh_s,
        "fresh_cpu_s": fresh_cpu_s,
        "warm_s": min([wall for wall, _ in warm], default=fresh_s),
        "warm_cpu_s": min([cpu for _, cpu in warm], default=fresh_cpu_s),
        "peak_mb": _peak_mb(),
        "numbers": list(map(float, numbers)),
    }
    sys.stderr.write(f"\n{json.dumps(report)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

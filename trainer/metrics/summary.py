"""The twelve COCO numbers, over all classes and for each."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.accumulator import CocoAccumulator, evaluate_images
from trainer.metrics.box_columns import Detections, GroundTruths
from trainer.metrics.protocol import CocoProtocol, DifficultMode
from trainer.metrics.tensors import (
    UNDEFINED,
    count_hits,
    precision_and_scores,
    recall_of_hits,
)

Metrics = dict[str, float]
Mean = TypeVar("Mean")

_SHORT = {"small": "s", "medium": "m", "large": "l"}


@dataclasses.dataclass(frozen=True, eq=False)
class CocoSummary:
    """Numbers in 0..1; -1 where there is no ground truth to find, as in pycocotools.

    Attributes:
        metrics: AP, AP50, ... over all classes that have ground truths.
        per_class: class name -> the same for that class.
        difficult: how difficult boxes were treated; the numbers depend on it.
        num_images: images evaluated, those without boxes included.
    """

    metrics: Metrics
    per_class: dict[str, Metrics]
    difficult: DifficultMode
    num_images: int


def coco_summary(
    ground_truths: GroundTruths,
    detections: Detections,
    *,
    image_ids: Sequence[Any] | NDArray[Any],
    class_names: Sequence[str],
    protocol: CocoProtocol | None = None,
    difficult: DifficultMode = "ignore",
    threads: int = 1,
) -> CocoSummary:
    """Evaluates detections; `image` columns index image_ids, `class_id` class_names.

    `threads` share the matching; the numbers do not depend on them.
    """
    accumulator = evaluate_images(
        ground_truths,
        detections,
        image_ids=image_ids,
        num_classes=len(class_names),
        protocol=protocol,
        difficult=difficult,
        threads=threads,
    )
    return summarise(accumulator, class_names)


def summarise(accumulator: CocoAccumulator, class_names: Sequence[str]) -> CocoSummary:
    """The numbers of all images in the accumulator."""
    return summarise_groups([accumulator], class_names)


def summarise_groups(
    groups: Iterable[CocoAccumulator], class_names: Sequence[str]
) -> CocoSummary:
    """The same of accumulators that hold all images, each with some of the classes.

    They are at least one and in the order of the classes; one is held at a time.
    """
    parts = []
    for accumulator in groups:
        protocol, difficult = accumulator.protocol, accumulator.difficult
        num_images = accumulator.num_images
        precision, _ = precision_and_scores(accumulator, protocol.max_dets[-1])
        totals = accumulator.num_ground_truths
        parts.append((precision, count_hits(accumulator), totals))
        del accumulator
    precisions, hits, objects = zip(*parts, strict=True)
    total = np.concatenate(objects)
    if len(class_names) != len(total):
        raise ValueError(f"{len(class_names)} class names for {len(total)} classes")
    precision = np.ascontiguousarray(np.concatenate(precisions, axis=2))
    recall = recall_of_hits(np.concatenate(hits, axis=1), total)
    by_class = _metrics(precision, recall, protocol, _mean_by_class)
    return CocoSummary(
        metrics=_metrics(precision, recall, protocol, _mean_defined),
        per_class={
            class_name: {name: float(by_class[name][number]) for name in by_class}
            for number, class_name in enumerate(class_names)
        },
        difficult=difficult,
        num_images=num_images,
    )


def metric_names(protocol: CocoProtocol) -> list[str]:
    """Names in the order of pycocotools' table: AP AP50 AP75 APs APm APl AR1 ... ARl.

    AP50 and AP75 are there if their thresholds are. An area range that is not one of
    COCO's goes by its name: APtiny.
    """
    areas = [_SHORT.get(a.name, a.name) for a in protocol.area_ranges[1:]]
    names = ["AP", *(f"AP{percent}" for percent, _ in _single_thresholds(protocol))]
    names += [f"AP{area}" for area in areas]
    names += [f"AR{limit}" for limit in protocol.max_dets]
    return names + [f"AR{area}" for area in areas]


def _single_thresholds(protocol: CocoProtocol) -> list[tuple[int, int]]:
    """The thresholds with a number of their own: percent and index."""
    close = np.isclose(np.array([[0.5], [0.75]]), protocol.iou_thresholds)
    return [
        (percent, int(row.argmax()))
        for percent, row in zip((50, 75), close, strict=True)
        if row.any()
    ]


def _mean_defined(values: NDArray[np.float64]) -> float:
    """Mean of the entries that are not -1; -1 where there are none."""
    defined = values[values > UNDEFINED]
    return float(defined.mean()) if defined.size else UNDEFINED


def _mean_by_class(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean [K] over all axes but the last; a class is -1 throughout or nowhere."""
    return np.mean(values.reshape(-1, values.shape[-1]), axis=0)


def _metrics(
    precision: NDArray[np.float64],
    recall: NDArray[np.float64],
    protocol: CocoProtocol,
    mean: Callable[[NDArray[np.float64]], Mean],
) -> dict[str, Mean]:
    """The numbers by name, of precision [T, R, K, A] and recall [T, K, A, M]."""
    values = [mean(precision[..., 0])]
    values += [mean(precision[row, ..., 0]) for _, row in _single_thresholds(protocol)]
    sized = range(1, len(protocol.area_ranges))
    values += [mean(precision[..., area]) for area in sized]
    values += [mean(recall[:, :, 0, limit]) for limit in range(len(protocol.max_dets))]
    values += [mean(recall[:, :, area, -1]) for area in sized]
    return dict(zip(metric_names(protocol), values, strict=True))

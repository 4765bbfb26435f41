"""Some training batches as the model will see them: boxes, classes, sizes, anchors."""

import dataclasses
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from schemas.tensor_boxes import iou_matrix
from schemas.user_error import UserError
from trainer.input.config import InputConfig
from trainer.model.config import MatcherConfig
from trainer.model.targets.matcher import POSITIVE, match
from trainer.training.fit import TrainingData

EXAMINED_IMAGES = 64
GOOD_IOU = 0.5  # an anchor this near needs no low-quality matching
MANY_WITHOUT_ANCHOR = 0.5
BORDER_PX = 0.5
SIZE_STEPS_PX = (0, 8, 16, 32, 96, 100_000)  # of the boxes without an anchor


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """Some training batches laid together, as the model will see them.

    gt_boxes [I, G, 4] xyxy px of the frame and gt_classes [I, G] are as batched, and
    boxes [N, 4] and classes [N] those that are no padding; `images_with_box` of
    `images`.
    """

    gt_boxes: NDArray[np.float32]
    gt_classes: NDArray[np.int32]
    boxes: NDArray[np.float32]
    classes: NDArray[np.int32]
    images: int
    images_with_box: int
    images_per_s: float


def draw_sample(data: TrainingData, batch_size: int) -> Sample:
    """The first batches of the training, augmented as they will be."""
    wanted = max(2, -(-EXAMINED_IMAGES // batch_size))
    batches: list[Mapping[str, NDArray[Any]]] = []
    for batch in data.train(0).take(wanted):
        if not batches:
            started = time.monotonic()  # what starts the pipeline is not its rate
        batches.append(
            {name: np.asarray(batch[name]) for name in ("gt_boxes", "gt_classes")}
        )
    taken_s = max(time.monotonic() - started, 1e-6)
    classes = np.concatenate([batch["gt_classes"] for batch in batches])
    boxes = np.concatenate([batch["gt_boxes"] for batch in batches])
    real = classes >= 0
    return Sample(
        gt_boxes=boxes,
        gt_classes=classes,
        boxes=boxes[real],
        classes=classes[real],
        images=len(classes),
        images_with_box=int(real.any(axis=1).sum()),
        images_per_s=(len(classes) - len(batches[0]["gt_classes"])) / taken_s,
    )


def refuse(sample: Sample, config: InputConfig, class_names: Sequence[str]) -> None:
    """Raise UserError if training on this would be a waste."""
    height, width = config.image_size
    if not len(sample.boxes):
        raise UserError(
            f"none of the first {sample.images} training images has a box left after "
            f"augmentation, which drops what is under {config.min_box_side:g} px of "
            f"the {width}x{height} frame (trainer.input.min_box_side): a larger "
            "trainer.input.image_size keeps small objects; look at them with "
            "voc-pipeline show-data"
        )
    highest = int(sample.classes.max())
    if highest >= len(class_names):
        raise UserError(
            f"the data has class id {highest}, but the label map has only "
            f"{len(class_names)} classes: {', '.join(class_names)}; ingest again"
        )
    low, high = sample.boxes[:, :2], sample.boxes[:, 2:]
    outside = (low < -BORDER_PX) | (high > np.array([width, height]) + BORDER_PX)
    wrong = np.asarray(outside.any(axis=1) | (high <= low).any(axis=1))
    if wrong.any():
        raise UserError(
            f"{int(wrong.sum())} of {len(wrong)} boxes are inverted or lie outside of "
            f"the {width}x{height} frame, e.g. {sample.boxes[wrong][0].tolist()}: look "
            "at them with voc-pipeline show-data"
        )


def anchors_line(
    sample: Sample, anchors_by_level: Sequence[Any], config: MatcherConfig
) -> str:
    """How near the anchors are to the boxes, and how many boxes own none, by size."""
    anchors = np.concatenate([np.asarray(level) for level in anchors_by_level])
    best = ops.convert_to_numpy(iou_matrix(sample.boxes, anchors)).max(axis=1)
    without = float((best < GOOD_IOU).mean())
    line = f"{without:.0%} of the boxes have no anchor of IoU >= {GOOD_IOU}"
    owns = _owns_anchor(sample, anchors_by_level, config)
    if owns.all():
        line += "; all own one"
    else:
        lost = f"{int((~owns).sum())} of {len(owns)}"
        by_size = ", ".join(_without_anchor_by_size(sample.boxes, owns))
        line += f"; {lost} own none and teach nothing: {by_size}"
    if without > MANY_WITHOUT_ANCHOR:
        line += "; consider another model.anchors.scale or image_size"
    return line


def _without_anchor_by_size(
    boxes: NDArray[np.float32], owns: NDArray[np.bool_]
) -> Iterator[str]:
    sizes = box_sizes(boxes)
    for low, high in itertools.pairwise(SIZE_STEPS_PX):
        inside = owns[(sizes >= low) & (sizes < high)]
        if not inside.all():
            yield f"{int((~inside).sum())} of {len(inside)} from {low} px"


def _owns_anchor(
    sample: Sample, anchors_by_level: Sequence[Any], config: MatcherConfig
) -> NDArray[np.bool_]:
    """[N] whether an anchor answers for each of the sample's boxes."""
    levels = [ops.convert_to_tensor(level) for level in anchors_by_level]
    owns = []
    for boxes, classes in zip(sample.gt_boxes, sample.gt_classes, strict=True):
        real = boxes[classes >= 0][None]
        if not real.size:
            continue
        # difficult ones are matched like the others, and left out later
        valid = np.ones(real.shape[:2], bool)
        matches = match(levels, real, valid, ~valid, config)
        states, indices = (ops.convert_to_numpy(each)[0] for each in matches)
        owns.append(np.isin(np.arange(valid.size), indices[states == POSITIVE]))
    return np.concatenate(owns)


def classes_line(sample: Sample, class_names: Sequence[str]) -> str:
    """How many boxes each class has."""
    counts = np.bincount(sample.classes, minlength=len(class_names))
    named = [f"{name} {n}" for name, n in zip(class_names, counts, strict=True)]
    return "classes: " + ", ".join(named)


def sizes_line(sample: Sample) -> str:
    """Square roots of the boxes' areas."""
    sizes = box_sizes(sample.boxes)
    low, middle, high = np.percentile(sizes, [5, 50, 95])
    return (
        f"box sizes in the frame: {low:.0f} px (5 %), {middle:.0f} px (median), "
        f"{high:.0f} px (95 %)"
    )


def box_sizes(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Square roots of the areas of boxes [N, 4], px."""
    return np.asarray(np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1)))

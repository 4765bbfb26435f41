"""What the COCO metrics need to know of the images seen so far, as typed columns.

Accumulators of different images merge by concatenation, in any order and any number of
times, without changing a bit of the result: rows are put into their final order (class,
falling score, sorted image id, input order) only when the numbers are read off.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.boxes import area_px2
from trainer.metrics.blocks import Block, blocks_of_images, in_threads
from trainer.metrics.box_columns import (
    Detections,
    GroundTruths,
    crowd_and_ignored,
)
from trainer.metrics.candidates import find_candidates
from trainer.metrics.matching import Words, ignored_words, match
from trainer.metrics.protocol import CocoProtocol, DifficultMode
from trainer.metrics.sorting import (
    descending_key,
    group_starts,
    position_in_group,
    rows_by_value,
    stable_order,
)

MAX_CLASSES = 1 << 16


@dataclasses.dataclass(frozen=True, eq=False)
class CocoAccumulator:
    """Matched images; 7 bytes a detection and 24 more for a matched one.

    Detections are ordered by image as in `image_ids`, then class, then falling score.

    Attributes:
        protocol: what was matched.
        difficult: how difficult boxes were treated.
        image_ids: [I] unique, all of one sortable type.
        detections_per_image: [I] kept detections: at most max_dets[-1] per class.
        class_id: [D] uint16.
        score: [D].
        areas: [D] bit a set: the box's own area lies in area range a.
        matched: [M] rows of the detections that were matched in some run.
        true_positive: [M, W] words of `Matches`.
        ignored: [M, W] words of `Matches`.
        num_ground_truths: [K, A] those that count, by class and area range.
    """

    protocol: CocoProtocol
    difficult: DifficultMode
    image_ids: NDArray[Any]
    detections_per_image: NDArray[np.int32]
    class_id: NDArray[np.uint16]
    score: NDArray[np.floating]
    areas: NDArray[np.unsignedinteger]
    matched: NDArray[np.int64]
    true_positive: Words
    ignored: Words
    num_ground_truths: NDArray[np.int64]

    @property
    def num_images(self) -> int:
        """Images seen, those without boxes or detections included."""
        return len(self.image_ids)

    def rank(self) -> NDArray[np.int64]:
        """[D] how many better detections of its class its image has."""
        return position_in_group(self._group_starts(), len(self.class_id))

    def matched_rank(self) -> NDArray[np.int64]:
        """[M] the rank of the matched detections."""
        starts = self._group_starts()
        group = np.searchsorted(starts, self.matched, side="right") - 1
        return self.matched - starts[group]

    def by_class(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Each class's rows, ascending: of the detections and of the matched ones."""
        size = len(self.num_ground_truths)
        return zip(
            rows_by_value(self.class_id, size),
            rows_by_value(self.class_id[self.matched], size),
            strict=True,
        )

    def in_order(
        self,
        rows: NDArray[np.int64],
        matches: NDArray[np.int64],
        order: NDArray[np.int64],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """What `by_class` gives of a class, in the order [d] of its detections.

        Returns rows [d], and by rising place among them the places [m] and rows [m] of
        the matched ones.
        """
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        places = place[np.searchsorted(rows, self.matched[matches])]
        by_place = np.argsort(places)
        return rows[order], places[by_place], matches[by_place]

    def _group_starts(self) -> NDArray[np.int64]:
        """Where another image or another class begins."""
        new = np.ones(len(self.class_id) + 1, bool)
        np.not_equal(self.class_id[1:], self.class_id[:-1], out=new[1:-1])
        new[np.cumsum(self.detections_per_image, dtype=np.int64)] = True
        return np.flatnonzero(new[:-1])

    @classmethod
    def merge(cls, parts: Sequence["CocoAccumulator"]) -> "CocoAccumulator":
        """One accumulator of all the images of at least one accumulator."""
        first = parts[0]
        for part in parts:
            if (part.protocol, part.difficult) != (first.protocol, first.difficult):
                raise ValueError("accumulators of different protocols do not merge")
            if part.num_ground_truths.shape != first.num_ground_truths.shape:
                raise ValueError("accumulators of different classes do not merge")
        offsets = np.cumsum([0, *(len(part.class_id) for part in parts[:-1])])
        columns = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in (
                "image_ids",
                "detections_per_image",
                "class_id",
                "score",
                "areas",
                "true_positive",
                "ignored",
            )
        }
        return cls(
            protocol=first.protocol,
            difficult=first.difficult,
            matched=np.concatenate(
                [
                    part.matched + start
                    for part, start in zip(parts, offsets, strict=True)
                ]
            ),
            num_ground_truths=np.sum([p.num_ground_truths for p in parts], axis=0),
            **columns,
        )


def evaluate_images(
    ground_truths: GroundTruths,
    detections: Detections,
    *,
    image_ids: Sequence[Any] | NDArray[Any],
    num_classes: int,
    protocol: CocoProtocol | None = None,
    difficult: DifficultMode = "ignore",
    threads: int = 1,
) -> CocoAccumulator:
    """Matches a set of images, whose `image` columns index `image_ids`.

    List images without ground truths or detections too: they count.
    """
    protocol = protocol or CocoProtocol()
    ids = np.asarray(image_ids)
    _check_range("image", len(ids), ground_truths.image, detections.image)
    _check_range("class_id", num_classes, ground_truths.class_id, detections.class_id)
    if num_classes > MAX_CLASSES:
        raise ValueError(f"at most {MAX_CLASSES} classes, got {num_classes}")

    def evaluate(block: Block) -> CocoAccumulator:
        images, truths, found = block
        return _evaluate_block(
            truths, found, ids[images], num_classes, protocol, difficult
        )

    blocks = blocks_of_images(ground_truths, detections, len(ids))
    return CocoAccumulator.merge(in_threads(evaluate, blocks, threads))


def _evaluate_block(
    ground_truths: GroundTruths,
    detections: Detections,
    image_ids: NDArray[Any],
    num_classes: int,
    protocol: CocoProtocol,
    difficult: DifficultMode,
) -> CocoAccumulator:
    order, group = kept_in_match_order(detections, num_classes, protocol.max_dets[-1])
    boxes = detections.boxes_xywh[order]
    crowd, ignored_flag = crowd_and_ignored(ground_truths, difficult)
    ignored = ignored_words(ground_truths, ignored_flag, protocol)
    pairs = find_candidates(
        group,
        boxes,
        ground_truths.image * num_classes + ground_truths.class_id,
        ground_truths.boxes_xywh,
        crowd,
        protocol.iou_thresholds[0],
    )
    matches = match(pairs, group, ignored, crowd, protocol)
    return CocoAccumulator(
        protocol=protocol,
        difficult=difficult,
        image_ids=image_ids,
        detections_per_image=np.bincount(
            detections.image[order], minlength=len(image_ids)
        ).astype(np.int32),
        class_id=detections.class_id[order].astype(np.uint16),
        score=detections.score[order],
        areas=_area_bits(area_px2(boxes), protocol),
        matched=matches.detection,
        true_positive=matches.true_positive,
        ignored=matches.ignored,
        num_ground_truths=_count(ground_truths, ignored_flag, num_classes, protocol),
    )


def _check_range(what: str, limit: int, *columns: NDArray[np.int64]) -> None:
    for column in columns:
        if len(column) and not (column.min() >= 0 and column.max() < limit):
            raise ValueError(f"{what} must lie in 0..{limit - 1}")


def kept_in_match_order(
    detections: Detections, num_classes: int, max_dets: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows by image, class, falling score, cut at max_dets; and their group numbers."""
    order = stable_order(
        detections.image.astype(np.uint32),
        detections.class_id.astype(np.uint16),
        descending_key(detections.score),
    )
    group = detections.image[order] * num_classes + detections.class_id[order]
    rank = position_in_group(group_starts(group), len(group))
    kept = rank < max_dets
    return order[kept], group[kept]


def _area_bits(
    area_px2: NDArray[np.float64], protocol: CocoProtocol
) -> NDArray[np.unsignedinteger]:
    num_areas = len(protocol.area_ranges)
    bits = np.zeros(len(area_px2), np.min_scalar_type((1 << num_areas) - 1))
    for number, area in enumerate(protocol.area_ranges):
        inside = (area_px2 >= area.low_px2) & (area_px2 <= area.high_px2)
        bits |= inside.astype(bits.dtype) << bits.dtype.type(number)
    return bits


def _count(
    ground_truths: GroundTruths,
    ignored: NDArray[np.bool_],
    num_classes: int,
    protocol: CocoProtocol,
) -> NDArray[np.int64]:
    counting = protocol.areas_holding(ground_truths.area_px2) & ~ignored[:, None]
    return np.stack(
        [
            np.bincount(ground_truths.class_id[inside], minlength=num_classes)
            for inside in counting.T
        ],
        axis=1,
    )

"""Which anchor answers for which ground truth: max-IoU and ATSS rules."""

from typing import Any, NamedTuple

from keras import ops

from schemas.tensor_boxes import iou_matrix
from trainer.model.config import MatcherConfig

Tensor = Any
POSITIVE, NEGATIVE, IGNORED = 1, 0, -1
FAR_PX2 = 1e12


class Matches(NamedTuple):
    """Per anchor: its matcher state and its ground truth's index, both [B, A] int32.

    The index means something only where the state is POSITIVE or IGNORED.
    """

    states: Tensor
    gt_indices: Tensor


def match(
    anchors_by_level: list[Tensor],
    gt_boxes: Tensor,
    gt_valid: Tensor,
    gt_difficult: Tensor,
    config: MatcherConfig,
) -> Matches:
    """Match all anchors of a batch.

    anchors_by_level: list of [A_l, 4]; gt_boxes [B, G, 4] xyxy px; gt_valid,
    gt_difficult [B, G] bool. Invalid ground truths (padding) match nothing. Anchors
    of difficult ones are IGNORED if `config.difficult` says so.
    """
    anchors = ops.concatenate(anchors_by_level, axis=0)
    ious = iou_matrix(gt_boxes, anchors)
    ious = ops.where(gt_valid[:, :, None], ious, -1.0)
    if config.kind == "max_iou":
        states, gt_indices = _by_max_iou(ious, config)
    else:
        candidates = _atss_candidates(anchors_by_level, gt_boxes, config)
        states, gt_indices = _by_atss(ious, candidates, anchors, gt_boxes)
    matches = Matches(states, gt_indices)
    if config.low_quality:
        matches = _give_free_anchors(ious, anchors, gt_boxes, matches)
    if config.difficult == "ignore":
        of_difficult = ops.take_along_axis(gt_difficult, matches.gt_indices, axis=1)
        skipped = ops.logical_and(matches.states == POSITIVE, of_difficult)
        matches = matches._replace(states=ops.where(skipped, IGNORED, matches.states))
    return matches


def _by_max_iou(ious: Tensor, config: MatcherConfig) -> tuple[Tensor, Tensor]:
    best = ops.max(ious, axis=1)
    states = ops.where(
        best >= config.positive_from,
        POSITIVE,
        ops.where(best < config.negative_below, NEGATIVE, IGNORED),
    )
    return ops.cast(states, "int32"), ops.cast(ops.argmax(ious, axis=1), "int32")


def _atss_candidates(
    anchors_by_level: list[Tensor], gt_boxes: Tensor, config: MatcherConfig
) -> Tensor:
    """The nearest `atss_candidates` anchors of each level [B, G, A], bool.

    Anchors as near as the last one taken are all taken: no arbitrary choice.
    """
    centers = (gt_boxes[..., :2] + gt_boxes[..., 2:]) / 2
    nearest = []
    for anchors in anchors_by_level:
        anchor_centers = (anchors[:, :2] + anchors[:, 2:]) / 2
        offsets = centers[:, :, None, :] - anchor_centers[None, None]
        distances = ops.sum(ops.square(offsets), axis=-1)
        # a level with fewer anchors than that gives them all
        count = config.atss_candidates
        padded = ops.pad(
            distances, ((0, 0), (0, 0), (0, count)), constant_values=FAR_PX2
        )
        farthest = -ops.top_k(-padded, count)[0][..., -1:]
        nearest.append(distances <= farthest)
    return ops.concatenate(nearest, axis=-1)


def _by_atss(
    ious: Tensor, candidates: Tensor, anchors: Tensor, gt_boxes: Tensor
) -> tuple[Tensor, Tensor]:
    chosen = ops.cast(candidates, "float32")
    count = ops.sum(chosen, axis=-1, keepdims=True)
    mean = ops.sum(ious * chosen, axis=-1, keepdims=True) / count
    # the sample deviation, as the authors' code has it
    deviations = ops.square(ious - mean) * chosen
    variance = ops.sum(deviations, axis=-1, keepdims=True)
    threshold = mean + ops.sqrt(variance / ops.maximum(count - 1.0, 1.0))
    centers = (anchors[:, :2] + anchors[:, 2:]) / 2
    inside = ops.logical_and(
        ops.all(centers > gt_boxes[:, :, None, :2], axis=-1),
        ops.all(centers < gt_boxes[:, :, None, 2:], axis=-1),
    )
    accepted = ops.logical_and(ops.logical_and(candidates, inside), ious >= threshold)
    accepted = ops.logical_and(accepted, ious > 0)
    accepted_ious = ops.where(accepted, ious, -1.0)
    positive = ops.max(accepted_ious, axis=1) > 0
    states = ops.cast(ops.where(positive, POSITIVE, NEGATIVE), "int32")
    return states, ops.cast(ops.argmax(accepted_ious, axis=1), "int32")


def _give_free_anchors(
    ious: Tensor, anchors: Tensor, gt_boxes: Tensor, matches: Matches
) -> Matches:
    """Give each ground truth that has no anchor the best one that no other has.

    The best is that of highest IoU, and of those the nearest: all anchors around a
    small object may overlap it equally. Where several want the same one it goes to the
    highest IoU, and the others look again; so all end with one, unless there is no
    free anchor left that overlaps them. No anchor is taken from its owner.
    """
    centers = (anchors[:, :2] + anchors[:, 2:]) / 2
    numbers = ops.arange(ious.shape[1], dtype="int32")[None, :, None]

    def free_ious(states: Tensor) -> Tensor:
        return ops.where((states == POSITIVE)[:, None, :], -1.0, ious)

    def in_need(states: Tensor, gt_indices: Tensor) -> Tensor:
        owners = ops.where(states == POSITIVE, gt_indices, -1)
        owns_none = ops.logical_not(ops.any(numbers == owners[:, None, :], axis=-1))
        return ops.logical_and(owns_none, ops.max(free_ious(states), axis=-1) > 0)

    def give(states: Tensor, gt_indices: Tensor, needs: Tensor) -> Any:
        wanted = ops.where(needs[..., None], free_ious(states), -1.0)
        best = ops.max(wanted, axis=-1, keepdims=True)
        tied = ops.logical_and(wanted == best, wanted > 0)
        gt_centers = (gt_boxes[..., :2] + gt_boxes[..., 2:]) / 2
        offsets = gt_centers[:, :, None, :] - centers[None, None]
        distances = ops.sum(ops.square(offsets), axis=-1)
        nearest = ops.argmin(ops.where(tied, distances, FAR_PX2), axis=-1)
        places = ops.arange(ious.shape[2], dtype="int32")
        asked = places == ops.cast(nearest, "int32")[..., None]
        asked_ious = ops.where(ops.logical_and(asked, tied), ious, -1.0)
        is_given = ops.max(asked_ious, axis=1) > 0
        winners = ops.cast(ops.argmax(asked_ious, axis=1), "int32")
        states = ops.where(is_given, POSITIVE, states)
        gt_indices = ops.where(is_given, winners, gt_indices)
        return states, gt_indices, in_need(states, gt_indices)

    states, gt_indices, _ = ops.while_loop(
        lambda states, gt_indices, needs: ops.any(needs),
        give,
        (*matches, in_need(*matches)),
        maximum_iterations=ious.shape[1],
    )
    return Matches(states, gt_indices)

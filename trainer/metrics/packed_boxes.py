"""Padded boxes of a batch as one tensor, and as rows of a buffer.

Keras hands a metric in `compile` one tensor per output, so a model whose metrics are
given there packs its detections and ground truths with these functions.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

Tensor = Any

DETECTION = 6  # columns: box, class, score
GROUND_TRUTH = 7  # columns: box, class, difficult, crowd


def pack_detections(detections: Mapping[str, Tensor]) -> Tensor:
    """{boxes [B, D, 4], classes [B, D], scores [B, D]} -> [B, D, 6] float32.

    `confidence` is understood as `scores`; class -1 is padding.
    """
    scores = detections.get("scores", detections.get("confidence"))
    return _pack(detections["boxes"], detections["classes"], scores)


def pack_ground_truths(ground_truths: Mapping[str, Tensor]) -> Tensor:
    """{boxes [B, G, 4], classes [B, G], difficult, crowd} -> [B, G, 7] float32.

    The two flags may be left out, and names may begin with `gt_`; class -1 is padding.
    """
    named = {name.removeprefix("gt_"): value for name, value in ground_truths.items()}
    none = ops.zeros_like(named["classes"])
    return _pack(
        named["boxes"],
        named["classes"],
        named.get("difficult", none),
        named.get("crowd", none),
    )


def _pack(boxes: Tensor, *columns: Tensor) -> Tensor:
    parts = [ops.cast(boxes, "float32")]
    parts += [ops.expand_dims(ops.cast(c, "float32"), -1) for c in columns]
    return ops.concatenate(parts, axis=-1)


def to_slots(packed: Tensor, slots: int, columns: int) -> Tensor:
    """[B, N, up to columns] -> [B, slots * columns]; what is padding becomes zeros.

    The class column holds class + 1, so that zeros are padding.
    """
    num_boxes, given = packed.shape[1:]
    if num_boxes > slots:
        raise ValueError(
            f"a batch brings {num_boxes} boxes per image and the metric has {slots} "
            "slots: raise detections_per_image or ground_truths_per_image"
        )
    packed = ops.cast(packed, "float32")
    boxes, class_id, rest = packed[..., :4], packed[..., 4:5], packed[..., 5:]
    encoded = ops.concatenate([boxes, class_id + 1, rest], axis=-1)
    # where, not a product: padding may hold NaN
    encoded = ops.where(class_id >= 0, encoded, ops.zeros_like(encoded))
    encoded = ops.pad(encoded, [[0, 0], [0, slots - num_boxes], [0, columns - given]])
    return ops.reshape(encoded, (-1, slots * columns))


def from_slots(
    rows: NDArray[np.float32], columns: int, class_ids: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """[I, slots * columns] -> image [N] and box [N, columns] of the given classes.

    The inverse of `to_slots`, outside the graph; the class column holds the class.
    """
    # no -1: there may be no image
    slots = rows.reshape(len(rows), rows.shape[1] // columns, columns)
    image, slot = np.nonzero(np.isin(slots[:, :, 4] - 1, class_ids))
    boxes = slots[image, slot]
    boxes[:, 4] -= 1
    return image, boxes

"""What the trainer reads and how it is changed on the way; imports no TensorFlow."""

import dataclasses

from schemas.config_rules import refuse_unless
from trainer.augment.declaration import Augmentation, check_order

_MIB = 1 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class InputConfig:
    """Input of training and evaluation.

    Attributes:
        image_size: (height, width) of the letterboxed frame, pixels.
        global_batch_size: images of one step over all replicas.
        max_boxes: rows of `gt_boxes` in training; an image with more keeps its
            largest. Evaluation has room for all.
        augmentations: run in this order: geometric, mosaic, mixup, photometric.
        close_mosaic_epochs: mosaic and mixup rest in this many last epochs of a
            training, the first and the second alike.
        mixing_window: how many neighbours in the shuffled order mosaic and mixup
            choose partners from.
        min_box_visibility: an augmented box seen by less than this part is dropped.
        min_box_side: an augmented box narrower or lower than this is dropped, px.
        shuffle_buffer_bytes: bound of the encoded records held for shuffling.
        cache_bytes: decoded frames are kept in memory if all fit in this; 0 = never.
        seed: of order and augmentation.
    """

    image_size: tuple[int, int] = (512, 512)
    global_batch_size: int = 8
    max_boxes: int = 100
    augmentations: tuple[Augmentation, ...] = ()
    close_mosaic_epochs: int = 0
    mixing_window: int = 16
    min_box_visibility: float = 0.3
    min_box_side: float = 2.0
    shuffle_buffer_bytes: int = 256 * _MIB
    cache_bytes: int = 1024 * _MIB
    seed: int = 0

    def __post_init__(self) -> None:
        sized = len(self.image_size) == 2 and min(self.image_size) >= 1
        rule = "image_size: (height, width) in pixels"
        refuse_unless(sized, rule, self.image_size)
        for field in ("global_batch_size", "max_boxes", "shuffle_buffer_bytes"):
            value = getattr(self, field)
            refuse_unless(value >= 1, f"{field} >= 1", value)
        for field in ("close_mosaic_epochs", "cache_bytes", "min_box_side", "seed"):
            value = getattr(self, field)
            refuse_unless(value >= 0, f"{field} >= 0", value)
        window = self.mixing_window
        rule = "mixing_window >= 5 (a mosaic and one to mix in)"
        refuse_unless(window >= 5, rule, window)
        visible = self.min_box_visibility
        refuse_unless(0 <= visible <= 1, "0 <= min_box_visibility <= 1", visible)
        check_order(self.augmentations)

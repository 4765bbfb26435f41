"""What the trainer reads and how it is changed on the way; imports no TensorFlow."""

import dataclasses
import json

from schemas.config_json import from_mapping, to_mapping
from trainer.augment.declaration import Augmentation, check_order

_MIB = 1 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class InputConfig:
    """Input of training and evaluation.

    Attributes:
        image_size: (height, width) of the letterboxed frame, pixels.
        global_batch_size: images of one step over all replicas and hosts.
        max_boxes: rows of `gt_boxes`; an image with more keeps its largest.
        augmentations: run in this order: geometric, mosaic, mixup, photometric.
        close_mosaic_epochs: mosaic and mixup rest in this many last epochs.
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
        if len(self.image_size) != 2 or min(self.image_size) < 1:
            raise ValueError(
                f"image_size must be (height, width) in pixels, got {self.image_size}"
            )
        for field in ("global_batch_size", "max_boxes", "shuffle_buffer_bytes"):
            if getattr(self, field) < 1:
                raise ValueError(f"{field} must be >= 1, got {getattr(self, field)}")
        for field in ("close_mosaic_epochs", "cache_bytes", "min_box_side", "seed"):
            if getattr(self, field) < 0:
                raise ValueError(f"{field} must be >= 0, got {getattr(self, field)}")
        if self.mixing_window < 5:
            raise ValueError(
                f"mixing_window must be >= 5 (a mosaic and one to mix in), "
                f"got {self.mixing_window}"
            )
        if not 0 <= self.min_box_visibility <= 1:
            raise ValueError(
                f"min_box_visibility must be in 0..1, got {self.min_box_visibility}"
            )
        check_order(self.augmentations)

    def to_json(self) -> str:
        """All fields as one JSON object."""
        return json.dumps(to_mapping(self))

    @classmethod
    def from_json(cls, text: str) -> "InputConfig":
        """The inverse of `to_json`; an unknown field raises, listing the known."""
        return from_mapping(cls, json.loads(text))

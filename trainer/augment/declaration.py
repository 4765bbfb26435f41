"""What a preset may declare: every augmentation by name, and its JSON form."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from trainer.augment.color_jitter import ColorJitter
from trainer.augment.crop import SafeCrop
from trainer.augment.erase import Erase
from trainer.augment.flip import HorizontalFlip
from trainer.augment.mixup import MixUp
from trainer.augment.mosaic import Mosaic
from trainer.augment.rotate import Rotate
from trainer.augment.scale_translate import ScaleTranslate
from trainer.augment.shear import Shear

Geometric = HorizontalFlip | Shear | ScaleTranslate | SafeCrop | Rotate
Photometric = ColorJitter | Erase
Augmentation = Geometric | Mosaic | MixUp | Photometric

AUGMENTATIONS: dict[str, type[Augmentation]] = {
    "horizontal_flip": HorizontalFlip,
    "shear": Shear,
    "scale_translate": ScaleTranslate,
    "safe_crop": SafeCrop,
    "rotate": Rotate,
    "mosaic": Mosaic,
    "mixup": MixUp,
    "color_jitter": ColorJitter,
    "erase": Erase,
}


def augmentation_to_dict(augmentation: Augmentation) -> dict[str, Any]:
    """The JSON form: the fields plus `name`."""
    names = {cls: name for name, cls in AUGMENTATIONS.items()}
    return {"name": names[type(augmentation)], **dataclasses.asdict(augmentation)}


def augmentation_from_dict(declared: Mapping[str, Any]) -> Augmentation:
    """Inverse of `augmentation_to_dict`; a ValueError lists the names or fields."""
    fields = dict(declared)
    name = fields.pop("name", None)
    if name not in AUGMENTATIONS:
        raise ValueError(
            f"unknown augmentation {name!r}; known: {', '.join(sorted(AUGMENTATIONS))}"
        )
    augmentation_class = AUGMENTATIONS[name]
    known = [field.name for field in dataclasses.fields(augmentation_class)]
    unknown = sorted(set(fields) - set(known))
    if unknown:
        raise ValueError(
            f"augmentation {name!r} has no field {', '.join(unknown)}; "
            f"it has: {', '.join(known) or 'none'}"
        )
    return augmentation_class(
        **{
            key: tuple(value) if isinstance(value, list) else value
            for key, value in fields.items()
        }
    )


def check_order(augmentations: tuple[Augmentation, ...]) -> None:
    """Geometric, then mosaic, mixup, photometric: the order in which they run.

    The geometric ones become one warp, the mosaic joins warped images, mixup blends
    the result, and the photometric ones change only pixel values.
    """
    stages = [_stage(augmentation) for augmentation in augmentations]
    if stages != sorted(stages):
        raise ValueError(
            "augmentations must be declared in the order they run: geometric ones, "
            "then mosaic, mixup, and colour or erase last; got "
            + ", ".join(type(augmentation).__name__ for augmentation in augmentations)
        )
    for single in (Mosaic, MixUp):
        if sum(isinstance(a, single) for a in augmentations) > 1:
            raise ValueError(f"{single.__name__} may be declared once")


def _stage(augmentation: Augmentation) -> int:
    if isinstance(augmentation, Mosaic):
        return 1
    if isinstance(augmentation, MixUp):
        return 2
    return 3 if isinstance(augmentation, ColorJitter | Erase) else 0

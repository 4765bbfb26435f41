"""What a preset may declare, and in which order."""

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

import re

import pytest

from schemas.config_json import from_json, to_json
from trainer.augment.declaration import (
    ColorJitter,
    Erase,
    HorizontalFlip,
    MixUp,
    Mosaic,
    Rotate,
    SafeCrop,
    ScaleTranslate,
    Shear,
)
from trainer.input.config import InputConfig

ALL = (
    HorizontalFlip(),
    ScaleTranslate(scale_range=(0.5, 2.0)),
    SafeCrop(attempts=3),
    Shear(),
    Rotate(degrees_range=(-5.0, 5.0)),
    Mosaic(probability=0.5),
    MixUp(),
    ColorJitter(hue=0.1),
    Erase(),
)


def test_config_survives_json_with_every_augmentation():
    config = InputConfig(image_size=(320, 640), augmentations=ALL, seed=9)

    assert from_json(InputConfig, to_json(config)) == config


@pytest.mark.parametrize(
    "augmentations",
    [
        (Mosaic(), HorizontalFlip()),
        (ColorJitter(), HorizontalFlip()),
        (MixUp(), Mosaic()),
        (Erase(), MixUp()),
    ],
)
def test_order_of_declaration_is_the_order_of_running(augmentations):
    with pytest.raises(ValueError, match="must be declared in the order they run"):
        InputConfig(augmentations=augmentations)


def test_two_mosaics_are_refused():
    with pytest.raises(ValueError, match="Mosaic may be declared once"):
        InputConfig(augmentations=(Mosaic(), Mosaic()))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_size": (0, 10)}, "image_size: (height, width)"),
        ({"image_size": (10, 10, 3)}, "image_size: (height, width)"),
        ({"global_batch_size": 0}, "global_batch_size >= 1, got 0"),
        ({"max_boxes": 0}, "max_boxes >= 1, got 0"),
        ({"cache_bytes": -1}, "cache_bytes >= 0, got -1"),
        ({"mixing_window": 3}, "mixing_window >= 5"),
        ({"min_box_visibility": 1.5}, "0 <= min_box_visibility <= 1"),
    ],
)
def test_nonsense_is_refused_by_name_and_value(fields, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        InputConfig(**fields)


@pytest.mark.parametrize(
    ("augmentation", "fields", "message"),
    [
        (HorizontalFlip, {"probability": 1.5}, "probability must be in 0..1"),
        (Shear, {"x_range": (0.5, -0.5)}, "x_range must be an ordered pair"),
        (Shear, {"y_range": (0.0, 1.0)}, "y_range must be an ordered pair"),
        (Rotate, {"degrees_range": (0.0, 200.0)}, "degrees_range must be"),
        (ScaleTranslate, {"scale_range": (0.0, 1.0)}, "scale_range must be"),
        (ScaleTranslate, {"max_translate_rel": 2.0}, "max_translate_rel must be"),
        (SafeCrop, {"min_visible": 0.2, "max_lost": 0.3}, "max_lost must be in 0..0.2"),
        (SafeCrop, {"attempts": 0}, "attempts must be >= 1"),
        (Mosaic, {"zoom_range": (0.5, 1.0)}, "zoom_range must be"),
        (MixUp, {"ratio_range": (0.5, 1.5)}, "ratio_range must be"),
        (ColorJitter, {"hue": 2.0}, "hue must be in 0..1"),
        (Erase, {"area_range": (0.5, 1.5)}, "area_range must be"),
    ],
)
def test_augmentation_refuses_a_field_out_of_range(augmentation, fields, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        augmentation(**fields)

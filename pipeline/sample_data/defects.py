"""The defects that real sets have: which there are, and the list of what was done."""

import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.sample_data import annotation_defects as annotation
from pipeline.sample_data import image_defects as image
from pipeline.sample_data import object_defects as item
from pipeline.sample_data.folder import Folder
from schemas.user_error import UserError

LIST_NAME = "defects.json"
# About one image in two has the two objects that a defect asks for.
LEAST_IMAGES = 150


@dataclasses.dataclass(frozen=True)
class Defect:
    """A way to spoil an image, and what a careful reader does about it.

    `action` is `keep`, `repair`, `drop_object` or `reject_image`; `leak` where no
    image is at fault alone, `unlisted` where no list asks for the image.
    """

    spoil: Callable[[Folder, str], str]
    action: str
    object_index: int | None = None

    @property
    def name(self) -> str:
        """The function's name names the defect."""
        return self.spoil.__name__


def _of_object(action: str, *spoilers: Callable[[Folder, str], str]) -> list[Defect]:
    return [Defect(spoiler, action, 0) for spoiler in spoilers]


def _of_image(action: str, *spoilers: Callable[[Folder, str], str]) -> list[Defect]:
    return [Defect(spoiler, action) for spoiler in spoilers]


DEFECTS: tuple[Defect, ...] = (
    *_of_image(
        "reject_image",
        image.missing_image,
        image.empty_image,
        image.truncated_jpeg,
        image.gif_named_jpg,
        image.too_many_pixels,
        annotation.missing_annotation,
        annotation.cut_annotation,
        annotation.empty_annotation,
        annotation.xml_bomb,
        annotation.external_entity,
        annotation.wrong_size,
        annotation.unknown_listing,
    ),
    *_of_image(
        "repair",
        annotation.wrong_filename,
        annotation.filename_without_extension,
        annotation.missing_size,
        annotation.zero_size,
        annotation.swapped_size,
        annotation.annotated_at_another_size,
    ),
    *_of_image(
        "keep",
        image.png_named_jpg,
        image.cmyk_jpeg,
        image.palette_png,
        image.alpha_png,
        image.exif_orientation,
        image.upper_case_extension,
        image.jpeg_extension,
        image.duplicate_in_split,
        annotation.byte_order_mark,
        annotation.crlf_annotation,
        annotation.latin1_annotation,
        annotation.non_ascii_id,
        annotation.dots_in_id,
        annotation.missing_optional_tags,
        annotation.absolute_filename,
        annotation.escaping_filename,
    ),
    *_of_image("leak", image.leak_between_splits, image.listed_in_two_splits),
    *_of_image("unlisted", annotation.unlisted),
    *_of_object(
        "drop_object",
        item.one_pixel_box,
        item.inverted_box,
        item.box_outside,
        item.nan_coordinate,
        item.text_coordinate,
        item.missing_coordinate,
        item.missing_box,
        item.unknown_class,
    ),
    # The second of the two is the one too many.
    Defect(item.duplicated_box, "drop_object", 1),
    *_of_object("repair", item.box_over_the_border),
    *_of_object(
        "keep",
        item.zero_based_box,
        item.float_coordinates,
        item.shuffled_coordinates,
        item.part_box,
    ),
    # Last: these change the lists that the ones above edit.
    *_of_image(
        "keep", annotation.crlf_image_set, annotation.byte_order_mark_in_image_set
    ),
)


def spoil(directory: Path, splits: Mapping[str, Sequence[str]], seed: int) -> None:
    """Gives each defect an image of its own and writes `defects.json`."""
    folder = Folder(directory, splits)
    image_ids = sorted({image_id for ids in splits.values() for image_id in ids})
    candidates = list(_fit_to_spoil(folder, image_ids))
    if len(candidates) < len(DEFECTS):
        raise UserError(
            f"--defects: only {len(candidates)} images have two plain objects, and "
            f"{len(DEFECTS)} are to be spoiled; ask for more --images"
        )
    order = np.argsort(
        np.random.default_rng([seed, 2]).random(len(candidates)), kind="stable"
    )
    done = []
    for defect, index in zip(DEFECTS, order.tolist(), strict=False):
        image_id = candidates[index]
        done.append(
            {
                "defect": defect.name,
                "action": defect.action,
                "image_id": image_id,
                "split": folder.split_of(image_id),
                "object_index": defect.object_index,
                "detail": defect.spoil(folder, image_id),
            }
        )
    text = json.dumps(done, indent=2, ensure_ascii=False) + "\n"
    (directory / LIST_NAME).write_bytes(text.encode("utf-8"))


def _fit_to_spoil(folder: Folder, image_ids: Iterable[str]) -> Iterable[str]:
    """Images in colour, not square, with two objects or more, none difficult."""
    for image_id in image_ids:
        xml = folder.xml(image_id).read_bytes().decode("utf-8")
        width, height = re.findall(r"<(?:width|height)>(\d+)<", xml)
        if (
            xml.count("<object>") >= 2
            and "<difficult>1" not in xml
            and "<depth>3" in xml
            and width != height
        ):
            yield image_id

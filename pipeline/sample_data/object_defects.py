"""Defects of single objects: each changes the first one of its image, index 0."""

from collections.abc import Callable

from pipeline.sample_data.folder import Folder, number, with_value, without

_PART = """\
\t\t<part>
\t\t\t<name>middle</name>
\t\t\t<bndbox>
\t\t\t\t<xmin>{xmin}</xmin>
\t\t\t\t<ymin>{ymin}</ymin>
\t\t\t\t<xmax>{xmax}</xmax>
\t\t\t\t<ymax>{ymax}</ymax>
\t\t\t</bndbox>
\t\t</part>
\t</object>
"""


def one_pixel_box(folder: Folder, image_id: str) -> str:
    """Leaves a box of a single pixel, as a stray click does."""

    def edit(item: str) -> str:
        item = with_value(item, "xmax", number(item, "xmin"))
        return with_value(item, "ymax", number(item, "ymin"))

    folder.edit_object(image_id, edit)
    return "the box is one pixel"


def inverted_box(folder: Folder, image_id: str) -> str:
    """Swaps xmin and xmax."""

    def edit(item: str) -> str:
        xmin, xmax = number(item, "xmin"), number(item, "xmax")
        return with_value(with_value(item, "xmin", xmax), "xmax", xmin)

    folder.edit_object(image_id, edit)
    return "xmin and xmax are swapped"


def box_over_the_border(folder: Folder, image_id: str) -> str:
    """Lets a box reach a little too far: most of it is inside."""
    width, _ = _image_size(folder, image_id)
    folder.edit_object(image_id, lambda item: with_value(item, "xmax", width + 3))
    return f"xmax is {width + 3} in an image {width} wide"


def box_outside(folder: Folder, image_id: str) -> str:
    """Lets most of a box lie outside."""
    width, _ = _image_size(folder, image_id)

    def edit(item: str) -> str:
        return with_value(with_value(item, "xmin", width - 5), "xmax", width + 60)

    folder.edit_object(image_id, edit)
    return f"the box spans x {width - 5} to {width + 60} in an image {width} wide"


def zero_based_box(folder: Folder, image_id: str) -> str:
    """Uses 0 as a minimum, which VOC's 1-based coordinates never do."""
    folder.edit_object(image_id, lambda item: with_value(item, "xmin", 0))
    return "xmin is 0"


def float_coordinates(folder: Folder, image_id: str) -> str:
    """Writes fractions of pixels."""
    _shift_xmin(folder, image_id, lambda xmin: xmin + 0.25)
    return "xmin is not a whole number"


def nan_coordinate(folder: Folder, image_id: str) -> str:
    """Writes a number that is none."""
    _shift_xmin(folder, image_id, lambda _: "nan")
    return "xmin is nan"


def text_coordinate(folder: Folder, image_id: str) -> str:
    """Writes text where a number belongs."""
    _shift_xmin(folder, image_id, lambda _: "left")
    return "xmin is the word left"


def missing_coordinate(folder: Folder, image_id: str) -> str:
    """Leaves ymax out."""
    folder.edit_object(image_id, lambda item: without(item, "ymax"))
    return "ymax is missing"


def missing_box(folder: Folder, image_id: str) -> str:
    """Leaves <bndbox> out."""
    folder.edit_object(image_id, lambda item: without(item, "bndbox"))
    return "<bndbox> is missing"


def duplicated_box(folder: Folder, image_id: str) -> str:
    """Writes an object twice."""
    folder.edit_object(image_id, lambda item: item + item)
    return "the object is there twice, at index 0 and 1"


def unknown_class(folder: Folder, image_id: str) -> str:
    """Gives an object a class that label_map.txt lacks."""
    folder.edit_object(image_id, lambda item: with_value(item, "name", "sphere"))
    return "the class is sphere, which label_map.txt lacks"


def shuffled_coordinates(folder: Folder, image_id: str) -> str:
    """Writes the coordinates in another order, as some tools do."""

    def edit(item: str) -> str:
        line = f"\t\t\t<xmin>{number(item, 'xmin')}</xmin>\n"
        return item.replace(line, "").replace("\t\t</bndbox>", f"{line}\t\t</bndbox>")

    folder.edit_object(image_id, edit)
    return "the coordinates are in the order ymin, xmax, ymax, xmin"


def part_box(folder: Folder, image_id: str) -> str:
    """Adds a part, as VOC's person layout does: it is no object."""

    def edit(item: str) -> str:
        xmin, xmax = number(item, "xmin"), number(item, "xmax")
        ymin, ymax = number(item, "ymin"), number(item, "ymax")
        part = _PART.format(
            xmin=xmin + (xmax - xmin) // 4,
            ymin=ymin + (ymax - ymin) // 4,
            xmax=xmax - (xmax - xmin) // 4,
            ymax=ymax - (ymax - ymin) // 4,
        )
        return item.replace("\t</object>\n", part)

    folder.edit_object(image_id, edit)
    return "the object has a part, middle, with a box of its own"


def _image_size(folder: Folder, image_id: str) -> tuple[int, int]:
    xml = folder.xml(image_id).read_bytes().decode("utf-8")
    return number(xml, "width"), number(xml, "height")


def _shift_xmin(folder: Folder, image_id: str, change: Callable[[int], object]) -> None:
    folder.edit_object(
        image_id, lambda item: with_value(item, "xmin", change(number(item, "xmin")))
    )

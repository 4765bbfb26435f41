"""Defects of annotation files, names and lists; each tells in words what it did."""

import re
from collections.abc import Callable

from pipeline.sample_data.folder import Folder, number, with_value, without

_BOMB = """\
<?xml version="1.0"?>
<!DOCTYPE annotation [
  <!ENTITY a "aaaaaaaaaa">
  <!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
  <!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
]>
"""
_EXTERNAL = """\
<?xml version="1.0"?>
<!DOCTYPE annotation [<!ENTITY c SYSTEM "file:///etc/hostname">]>
"""
_SCALE = 8
_Change = Callable[[int, int], tuple[int, int]]


def missing_annotation(folder: Folder, image_id: str) -> str:
    """Leaves an image and a listing without an annotation."""
    folder.xml(image_id).unlink()
    return "the annotation is gone, its image and its listing are not"


def cut_annotation(folder: Folder, image_id: str) -> str:
    """Ends the XML in its middle."""
    folder.edit_xml(image_id, lambda xml: xml[: len(xml) // 2])
    return "the XML ends in its middle"


def empty_annotation(folder: Folder, image_id: str) -> str:
    """Leaves a file of no bytes, which is not an annotation without objects."""
    folder.edit_xml(image_id, lambda _: "")
    return "the XML is a file of 0 bytes"


def xml_bomb(folder: Folder, image_id: str) -> str:
    """Lets entities expand to more entities."""
    _declare_entity(folder, image_id, _BOMB)
    return "the XML declares entities that expand to one another"


def external_entity(folder: Folder, image_id: str) -> str:
    """Lets the XML ask for a file of the reader's machine."""
    _declare_entity(folder, image_id, _EXTERNAL)
    return "the XML asks for file:///etc/hostname"


def byte_order_mark(folder: Folder, image_id: str) -> str:
    """Starts the XML with the mark that some editors write."""
    folder.edit_xml(image_id, lambda xml: "\ufeff" + xml)
    return "the XML starts with a byte order mark"


def crlf_annotation(folder: Folder, image_id: str) -> str:
    """Ends the XML's lines as Windows does."""
    folder.edit_xml(image_id, lambda xml: xml.replace("\n", "\r\n"))
    return "the XML's lines end in CRLF"


def latin1_annotation(folder: Folder, image_id: str) -> str:
    """Encodes the XML in the old way, and says so."""
    xml = folder.xml(image_id).read_bytes().decode("utf-8")
    xml = xml.replace("voc-pipeline sample-data", "Müller und Söhne")
    declared = '<?xml version="1.0" encoding="ISO-8859-1"?>\n' + xml
    folder.xml(image_id).write_bytes(declared.encode("latin-1"))
    return "the XML is in ISO-8859-1, and declares it"


def non_ascii_id(folder: Folder, image_id: str) -> str:
    """Puts letters into the id that ASCII lacks."""
    folder.rename(image_id, f"größe_{image_id}_寸")
    return f"the id is größe_{image_id}_寸"


def dots_in_id(folder: Folder, image_id: str) -> str:
    """Puts dots into the id: only the last one starts the extension."""
    folder.rename(image_id, f"{image_id}.v1.0")
    return f"the id is {image_id}.v1.0"


def wrong_filename(folder: Folder, image_id: str) -> str:
    """Lets the annotation name an image that does not exist."""
    folder.edit_xml(image_id, lambda xml: with_value(xml, "filename", "IMG_4711.png"))
    return "<filename> is IMG_4711.png"


def filename_without_extension(folder: Folder, image_id: str) -> str:
    """Leaves the extension out of <filename>."""
    folder.edit_xml(image_id, lambda xml: with_value(xml, "filename", image_id))
    return "<filename> has no extension"


def absolute_filename(folder: Folder, image_id: str) -> str:
    """Leaves the annotator's own path in <filename>."""
    path = f"/home/annotator/{image_id}.jpg"
    folder.edit_xml(image_id, lambda xml: with_value(xml, "filename", path))
    return f"<filename> is {path}"


def escaping_filename(folder: Folder, image_id: str) -> str:
    """Lets <filename> climb out of the data set."""
    path = f"../../../{image_id}.jpg"
    folder.edit_xml(image_id, lambda xml: with_value(xml, "filename", path))
    return f"<filename> is {path}"


def missing_size(folder: Folder, image_id: str) -> str:
    """Leaves <size> out."""
    folder.edit_xml(image_id, lambda xml: without(xml, "size"))
    return "<size> is missing"


def zero_size(folder: Folder, image_id: str) -> str:
    """Says 0 x 0, as some tools do."""
    _resize(folder, image_id, lambda _width, _height: (0, 0))
    return "<size> is 0 x 0"


def swapped_size(folder: Folder, image_id: str) -> str:
    """Swaps width and height; the boxes fit the image that is there."""
    _resize(folder, image_id, lambda width, height: (height, width))
    return "<size> has width and height swapped"


def wrong_size(folder: Folder, image_id: str) -> str:
    """Says a size of another aspect ratio: nobody knows what the boxes mean."""
    _resize(folder, image_id, lambda width, height: (width + 17, height + 9))
    return "<size> is too large by 17 x 9"


def annotated_at_another_size(folder: Folder, image_id: str) -> str:
    """Leaves size and boxes as they were before the image was made smaller."""
    tags = "width|height|xmin|ymin|xmax|ymax"
    folder.edit_xml(
        image_id,
        lambda xml: re.sub(
            rf"<({tags})>(\d+)<",
            lambda match: f"<{match[1]}>{int(match[2]) * _SCALE}<",
            xml,
        ),
    )
    return f"<size> and the boxes are those of an image {_SCALE} times as large"


def missing_optional_tags(folder: Folder, image_id: str) -> str:
    """Leaves out what has a default."""
    tags = "depth|pose|truncated|occluded|difficult|segmented"
    pattern = rf"\t*<({tags})>.*</\1>\n"
    folder.edit_xml(image_id, lambda xml: re.sub(pattern, "", xml))
    return "depth, pose, truncated, occluded, difficult, segmented are missing"


def unlisted(folder: Folder, image_id: str) -> str:
    """Takes an annotated image out of every list."""
    folder.unlist(image_id)
    return "image and annotation are there, no image set lists them"


def unknown_listing(folder: Folder, image_id: str) -> str:
    """Lists an id that was never there."""
    ghost = f"{image_id}_ghost"
    folder.list_in(ghost, ["train", "trainval"])
    return f"train.txt lists {ghost}, of which there is no file"


def crlf_image_set(folder: Folder, image_id: str) -> str:
    """Ends the lines of val.txt as Windows does, and adds an empty one."""
    del image_id
    path = folder.set_file("val")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    return "the lines of val.txt end in CRLF, and the last one is empty"


def byte_order_mark_in_image_set(folder: Folder, image_id: str) -> str:
    """Starts test.txt with the mark that some editors write."""
    del image_id
    path = folder.set_file("test")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    return "test.txt starts with a byte order mark"


def _declare_entity(folder: Folder, image_id: str, head: str) -> None:
    folder.edit_xml(image_id, lambda xml: head + with_value(xml, "database", "&c;"))


def _resize(folder: Folder, image_id: str, change: _Change) -> None:
    xml = folder.xml(image_id).read_bytes().decode("utf-8")
    width, height = change(number(xml, "width"), number(xml, "height"))
    xml = with_value(with_value(xml, "width", width), "height", height)
    folder.xml(image_id).write_bytes(xml.encode("utf-8"))

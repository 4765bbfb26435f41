"""The files of a set that is on disk, as the defects see them."""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_OBJECT = re.compile(r"\t<object>\n.*?\t</object>\n", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Folder:
    """A VOC directory and the splits that its images are in."""

    directory: Path
    splits: Mapping[str, Sequence[str]]

    def image(self, image_id: str, extension: str = "jpg") -> Path:
        """Where the image of that id lies."""
        # Never with_suffix: ids may hold dots.
        return self.directory / "JPEGImages" / f"{image_id}.{extension}"

    def xml(self, image_id: str) -> Path:
        """Where the annotation of that id lies."""
        return self.directory / "Annotations" / f"{image_id}.xml"

    def set_file(self, name: str) -> Path:
        """Where that image set lies, such as `train` or `ball_val`."""
        return self.directory / "ImageSets" / "Main" / f"{name}.txt"

    def split_of(self, image_id: str) -> str:
        """`train`, `val` or `test`."""
        names = ("train", "val", "test")
        return next(name for name in names if image_id in self.splits[name])

    def edit_xml(self, image_id: str, edit: Callable[[str], str]) -> None:
        """Rewrites an annotation's text."""
        path = self.xml(image_id)
        path.write_bytes(edit(path.read_bytes().decode("utf-8")).encode("utf-8"))

    def edit_object(self, image_id: str, edit: Callable[[str], str]) -> None:
        """Rewrites the text of an annotation's first object."""
        self.edit_xml(
            image_id,
            lambda xml: _OBJECT.sub(lambda match: edit(match.group()), xml, count=1),
        )

    def list_in(self, image_id: str, splits: Sequence[str]) -> None:
        """Appends an id to the lists of these splits."""
        for split in splits:
            path = self.set_file(split)
            path.write_bytes(path.read_bytes() + f"{image_id}\n".encode())

    def rename(self, image_id: str, new_id: str, extension: str = "jpg") -> None:
        """Gives image, annotation and every list another id."""
        self.image(image_id).rename(self.image(new_id, extension))
        self.xml(image_id).rename(self.xml(new_id))
        self.edit_xml(
            new_id,
            lambda xml: xml.replace(
                f"<filename>{image_id}.jpg<", f"<filename>{new_id}.{extension}<"
            ),
        )
        self._edit_lists(lambda text: re.sub(rf"(?m)^{image_id}\b", new_id, text))

    def unlist(self, image_id: str) -> None:
        """Takes an id out of every list."""
        self._edit_lists(lambda text: re.sub(rf"(?m)^{image_id}\b.*\n", "", text))

    def copy(self, image_id: str, new_id: str) -> None:
        """Copies image and annotation under another id, listed nowhere yet."""
        self.image(new_id).write_bytes(self.image(image_id).read_bytes())
        self.xml(new_id).write_bytes(self.xml(image_id).read_bytes())
        self.edit_xml(
            new_id, lambda xml: xml.replace(f"{image_id}.jpg<", f"{new_id}.jpg<")
        )

    def _edit_lists(self, edit: Callable[[str], str]) -> None:
        for path in sorted(self.set_file("train").parent.glob("*.txt")):
            path.write_bytes(edit(path.read_bytes().decode("utf-8")).encode("utf-8"))


def number(xml: str, tag: str) -> int:
    """Reads the first `<tag>` of a text as a whole number."""
    found = re.search(rf"<{tag}>(\d+)</{tag}>", xml)
    if found is None:
        raise ValueError(f"no <{tag}> with a whole number in: {xml}")
    return int(found.group(1))


def with_value(xml: str, tag: str, value: object) -> str:
    """Gives the first `<tag>` of a text another value."""
    return re.sub(rf"<{tag}>[^<]*</{tag}>", f"<{tag}>{value}</{tag}>", xml, count=1)


def without(xml: str, tag: str) -> str:
    """Removes the first `<tag>` of a text, with its line."""
    return re.sub(rf"\t*<{tag}>.*?</{tag}>\n", "", xml, count=1, flags=re.DOTALL)

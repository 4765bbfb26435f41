"""Rules on the image: its bytes, its header, its pixels."""

import dataclasses

from components.example_gen.config import IngestConfig
from components.example_gen.source.annotation import Annotation, to_number
from components.example_gen.source.image import Header
from schemas.single_box import Box, inside_fraction

ACCEPTED_FORMATS = ("jpeg", "png")
_FORMAT_OF_SUFFIX = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png"}


@dataclasses.dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image as far as it is known: content, then header, then pixels.

    `failure` is (kind, detail) where it went no further: `missing`, `unreadable`,
    `too_large`, `header` or `pixels`. `boxes` are the annotation's, half-open pixels.
    """

    name: str
    annotation: Annotation
    content: str = ""  # sniffed format, "" where it is none we know
    header: Header | None = None
    boxes: tuple[Box, ...] = ()
    failure: tuple[str, str] = ("", "")

    def failed(self, kind: str) -> str | None:
        """Detail of the failure if it is of that kind."""
        return self.failure[1] if self.failure[0] == kind else None


def image_unreadable(facts: ImageFacts, config: IngestConfig) -> str | None:
    """The image file cannot be read from disk, or its header makes no sense."""
    return facts.failed("unreadable") or facts.failed("header")


def image_too_large(facts: ImageFacts, config: IngestConfig) -> str | None:
    """The image file is larger than `max_file_bytes`."""
    return facts.failed("too_large")


def format_unsupported(facts: ImageFacts, config: IngestConfig) -> str | None:
    """The content is neither JPEG nor PNG, whatever the name says."""
    if facts.content in ACCEPTED_FORMATS or facts.failure[0]:
        return None
    return f"content is {facts.content or 'of no known image format'}"


def format_disagrees(facts: ImageFacts, config: IngestConfig) -> str | None:
    """PNG content under a JPEG name or the reverse; taken for what it is."""
    suffix = "." + facts.name.rpartition(".")[2].lower()
    if facts.failure[0] or _FORMAT_OF_SUFFIX.get(suffix) == facts.content:
        return None
    return f"{facts.content} content under {suffix}"


def too_many_pixels(facts: ImageFacts, config: IngestConfig) -> str | None:
    """More pixels than `max_pixels`, by the header, before decoding."""
    header = facts.header
    if header is None or header.width * header.height <= config.max_pixels:
        return None
    return f"{header.width}x{header.height}"


def image_broken(facts: ImageFacts, config: IngestConfig) -> str | None:
    """The image does not decode to the end: truncated or damaged."""
    return facts.failed("pixels")


def declared_size(annotation: Annotation) -> tuple[float, float] | None:
    """Width and height from <size>; None where absent, zero or no numbers."""
    if annotation.size is None:
        return None
    width, height = (to_number(text) for text in annotation.size)
    if not width or not height or not (width > 0 and height > 0):
        return None
    return width, height


def _boxes_fit(facts: ImageFacts, header: Header) -> bool:
    """Whether the boxes can be meant for the decoded size.

    A <size> that says otherwise puts every box in doubt, so none may leave the image
    by more than the pixel that zero-based tools are off; where there is no <size> to
    contradict, a box is judged by itself as long as most of it lies inside.
    """
    width, height = header.width, header.height
    if declared_size(facts.annotation) is None:
        return all(inside_fraction(box, width, height) >= 0.5 for box in facts.boxes)
    return all(box[2] <= width + 1 and box[3] <= height + 1 for box in facts.boxes)


def _size_differs(facts: ImageFacts) -> str | None:
    header = facts.header
    if header is None:
        return None
    declared = declared_size(facts.annotation)
    if declared is None:
        return "absent"
    if declared == (header.width, header.height):
        return None
    return "swapped" if declared == (header.height, header.width) else "wrong"


def _size_detail(facts: ImageFacts) -> str:
    header, size = facts.header, facts.annotation.size
    said = "no <size>" if size is None else f"<size> {size[0]}x{size[1]}"
    return f"{said}, decoded {header.width}x{header.height}" if header else said


def size_conflict(facts: ImageFacts, config: IngestConfig) -> str | None:
    """<size> differs from the image and the boxes do not fit the image."""
    if _size_differs(facts) is None or facts.header is None:
        return None
    return None if _boxes_fit(facts, facts.header) else _size_detail(facts)


def size_absent(facts: ImageFacts, config: IngestConfig) -> str | None:
    """<size> is absent, 0x0 or no numbers; the decoded size is used."""
    return _size_detail(facts) if _size_differs(facts) == "absent" else None


def size_swapped(facts: ImageFacts, config: IngestConfig) -> str | None:
    """<size> has width and height swapped; the decoded size is used."""
    return _size_detail(facts) if _size_differs(facts) == "swapped" else None


def size_wrong(facts: ImageFacts, config: IngestConfig) -> str | None:
    """<size> is wrong; the decoded size is used."""
    return _size_detail(facts) if _size_differs(facts) == "wrong" else None


def _mode(facts: ImageFacts) -> str:
    return facts.header.mode if facts.header else ""


def grayscale(facts: ImageFacts, config: IngestConfig) -> str | None:
    """One channel; becomes RGB at decode."""
    return "one channel" if _mode(facts) in {"1", "L", "LA"} else None


def deep_color(facts: ImageFacts, config: IngestConfig) -> str | None:
    """16 bits a channel; becomes 8-bit RGB at decode."""
    return _mode(facts) if _mode(facts).startswith("I") else None


def cmyk(facts: ImageFacts, config: IngestConfig) -> str | None:
    """CMYK; becomes RGB at decode."""
    return "CMYK" if _mode(facts) == "CMYK" else None


def palette(facts: ImageFacts, config: IngestConfig) -> str | None:
    """Palette colours; become RGB at decode."""
    return "palette" if _mode(facts) in {"P", "PA"} else None


def alpha(facts: ImageFacts, config: IngestConfig) -> str | None:
    """Transparency; dropped at decode."""
    transparent = facts.header is not None and facts.header.transparent
    return "transparency" if transparent else None


def exif_orientation(facts: ImageFacts, config: IngestConfig) -> str | None:
    """EXIF asks for rotation; not applied, VOC boxes are in stored orientation."""
    orientation = facts.header.exif_orientation if facts.header else 1
    return f"orientation {orientation}" if orientation != 1 else None

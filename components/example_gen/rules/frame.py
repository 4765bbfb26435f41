"""Rules on <size> and EXIF: which picture the boxes were drawn on."""

from collections.abc import Sequence

from components.example_gen.config import IngestConfig
from components.example_gen.rules.image import ImageFacts
from components.example_gen.source.annotation import Annotation, to_number
from schemas.single_box import Box, inside_fraction


def declared_size(annotation: Annotation) -> tuple[float, float] | None:
    """Width and height from <size>; None where absent, zero or no numbers."""
    if annotation.size is None:
        return None
    width, height = (to_number(text) for text in annotation.size)
    if not width or not height or not (width > 0 and height > 0):
        return None
    return width, height


def _size(facts: ImageFacts) -> str:
    return facts.found.size if facts.found else ""


def _exif(facts: ImageFacts) -> str:
    return facts.found.exif if facts.found else ""


def _sizes(annotation: Annotation, decoded: tuple[int, int] | None) -> str:
    size = annotation.size
    said = "no <size>" if size is None else f"<size> {size[0]}x{size[1]}"
    return f"{said}, decoded {decoded[0]}x{decoded[1]}" if decoded else said


def _decoded(facts: ImageFacts) -> tuple[int, int] | None:
    return (facts.header.width, facts.header.height) if facts.header else None


def _detail(facts: ImageFacts) -> str:
    return _sizes(facts.annotation, _decoded(facts))


def _boxes_fit(boxes: Sequence[Box], decoded: tuple[int, int], found: str) -> bool:
    """Whether the boxes can be meant for the decoded size.

    A <size> that says otherwise puts every box in doubt, so none may leave the image
    by more than the pixel that zero-based tools are off; where there is no <size> to
    contradict, a box is judged by itself as long as most of it lies inside.
    """
    width, height = decoded
    if found == "absent":
        return all(inside_fraction(box, width, height) >= 0.5 for box in boxes)
    return all(box[2] <= width + 1 and box[3] <= height + 1 for box in boxes)


def conflict_of(
    annotation: Annotation, decoded: tuple[int, int], found: str, boxes: Sequence[Box]
) -> str | None:
    """Both sizes where <size> contradicts the decoded one; None where it does not.

    `found` is what `find_frame` made of <size>, `boxes` are half-open stored pixels.
    """
    doubtful = found in {"absent", "swapped"} and not _boxes_fit(boxes, decoded, found)
    other = found == "other" and bool(annotation.objects)
    return _sizes(annotation, decoded) if doubtful or other else None


def size_conflict(facts: ImageFacts, config: IngestConfig) -> str | None:
    """<size> has another aspect ratio, or no sense and the boxes do not fit."""
    decoded = _decoded(facts)
    if decoded is None:
        return None
    return conflict_of(facts.annotation, decoded, _size(facts), facts.boxes)


def size_absent(facts: ImageFacts, config: IngestConfig) -> str | None:
    """<size> is absent, 0x0 or no numbers; the decoded size is used."""
    absent = _size(facts) == "absent" and facts.annotation.root_tag  # "": no annotation
    return _detail(facts) if absent else None


def size_swapped(facts: ImageFacts, config: IngestConfig) -> str | None:
    """<size> has width and height swapped; the decoded size is used."""
    return _detail(facts) if _size(facts) == "swapped" else None


def size_wrong(facts: ImageFacts, config: IngestConfig) -> str | None:
    """<size> is a pixel or two off, or no box goes by it; the decoded one is used."""
    return _detail(facts) if _size(facts) in {"near", "wrong", "other"} else None


def size_scaled(facts: ImageFacts, config: IngestConfig) -> str | None:
    """The image was resized after <size> was written: boxes are scaled; in doubt."""
    scaled = _size(facts) == "scaled" and facts.annotation.objects
    return _detail(facts) if scaled else None


def _orientation(facts: ImageFacts) -> str:
    value = facts.header.exif_orientation if facts.header else 1
    return f"orientation {value}, {_detail(facts)}"


def exif_applied(facts: ImageFacts, config: IngestConfig) -> str | None:
    """Boxes lie in the picture as EXIF turns it: turned into stored orientation."""
    return _orientation(facts) if _exif(facts) == "displayed" else None


def exif_orientation(facts: ImageFacts, config: IngestConfig) -> str | None:
    """EXIF asks for rotation and the boxes are in stored orientation: left."""
    return _orientation(facts) if _exif(facts) == "stored" else None


def exif_undecided(facts: ImageFacts, config: IngestConfig) -> str | None:
    """EXIF turns, <size> does not tell if boxes are turned too: left; in doubt."""
    undecided = _exif(facts) == "undecided" and facts.annotation.objects
    return _orientation(facts) if undecided else None

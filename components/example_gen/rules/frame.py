"""Rules on <size> and EXIF: which picture the boxes were drawn on."""

from components.example_gen.config import IngestConfig
from components.example_gen.rules.image import ImageFacts
from components.example_gen.source.annotation import Annotation, to_number
from schemas.single_box import inside_fraction


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


def _detail(facts: ImageFacts) -> str:
    header, size = facts.header, facts.annotation.size
    said = "no <size>" if size is None else f"<size> {size[0]}x{size[1]}"
    return f"{said}, decoded {header.width}x{header.height}" if header else said


def _boxes_fit(facts: ImageFacts) -> bool:
    """Whether the boxes can be meant for the decoded size.

    A <size> that says otherwise puts every box in doubt, so none may leave the image
    by more than the pixel that zero-based tools are off; where there is no <size> to
    contradict, a box is judged by itself as long as most of it lies inside.
    """
    if facts.header is None:
        return True
    width, height = facts.header.width, facts.header.height
    if _size(facts) == "absent":
        return all(inside_fraction(box, width, height) >= 0.5 for box in facts.boxes)
    return all(box[2] <= width + 1 and box[3] <= height + 1 for box in facts.boxes)


def size_conflict(facts: ImageFacts, config: IngestConfig) -> str | None:
    """<size> has another aspect ratio, or no sense and the boxes do not fit."""
    size = _size(facts)
    if size == "other" and facts.annotation.objects:
        return _detail(facts)
    if size in {"absent", "swapped"} and not _boxes_fit(facts):
        return _detail(facts)
    return None


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

"""Rules on the image: its bytes, its header, its pixels."""

from typing import NamedTuple

from components.example_gen.config import IngestConfig
from components.example_gen.rules.box_frame import FrameFound
from components.example_gen.source.annotation import Annotation
from components.example_gen.source.file_kinds import AVIF, HEIC, LFS_POINTER
from components.example_gen.source.image import Header
from schemas.single_box import Box

ACCEPTED_FORMATS = ("jpeg", "png")
_FORMAT_OF_SUFFIX = dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "jpeg")
_FORMAT_OF_SUFFIX |= {".png": "png"}
_FEW_LEVELS = 64  # of 256: 14 bits in 16


class ImageFacts(NamedTuple):
    """An image as far as it is known: content, then header, then pixels.

    `failure` is (kind, detail) where it went no further: `missing`, `unreadable`,
    `too_large`, `header` or `pixels`. `boxes` are the annotation's, half-open pixels.
    """

    name: str
    annotation: Annotation
    content: str = ""  # sniffed format, "" where it is none we know
    header: Header | None = None
    found: FrameFound | None = None  # how the boxes lie in it
    boxes: tuple[Box, ...] = ()
    peak: int = 255  # highest value of any channel, of 16 bits the upper 8
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


def image_lfs_pointer(facts: ImageFacts, config: IngestConfig) -> str | None:
    """The image is a git-lfs pointer, not the file; `git lfs pull` fetches it."""
    return "git lfs pull" if facts.content == LFS_POINTER else None


def image_heif(facts: ImageFacts, config: IngestConfig) -> str | None:
    """The content is HEIC or AVIF, which must be converted to JPEG or PNG."""
    kind = facts.content
    return f"content is {kind}" if kind in {HEIC, AVIF} else None


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


def _mode(facts: ImageFacts) -> str:
    return facts.header.mode if facts.header else ""


def grayscale(facts: ImageFacts, config: IngestConfig) -> str | None:
    """One channel; becomes RGB at decode."""
    return "one channel" if _mode(facts) in {"1", "L", "LA"} else None


def deep_color(facts: ImageFacts, config: IngestConfig) -> str | None:
    """16 bits per channel; becomes 8-bit RGB at decode."""
    depth = facts.header.bit_depth if facts.header else 8
    return f"{depth} bits, {_mode(facts)}" if depth > 8 else None


def levels_few(facts: ImageFacts, config: IngestConfig) -> str | None:
    """16 bits per channel, and only the lower ones used: all but black to the model."""
    if not facts.header or facts.header.bit_depth <= 8 or facts.peak >= _FEW_LEVELS:
        return None
    return f"the model sees levels 0 to {facts.peak} of 255: scale the values up"


def checksum_wrong(facts: ImageFacts, config: IngestConfig) -> str | None:
    """A PNG chunk beside the pixels has a wrong checksum: decoders leave it out."""
    unsound = facts.header.unsound_chunks if facts.header else ()
    return ", ".join(unsound) or None


def cmyk_unmarked(facts: ImageFacts, config: IngestConfig) -> str | None:
    """CMYK without Adobe's marker: half of the decoders would see it inverted."""
    if facts.header is None or facts.header.adobe:
        return None
    return "nothing says whether 0 or 255 is full ink: save it as RGB"


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

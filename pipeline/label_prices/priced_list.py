"""`labels.json`, and the answers that its page saves: the same with yes or no."""

import json
import math
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from components.example_gen.source.annotation import Convention
from schemas.detection_example import DetectionExample
from schemas.exif_orientation import exif_orientation
from schemas.user_error import UserError


class Drawn(msgspec.Struct, rename={"class_name": "class"}):
    """An object as it is annotated; box xyxy, stored pixels from 0."""

    class_name: str
    box: tuple[float, float, float, float]
    pose: str = ""
    truncated: bool = False
    occluded: bool = False
    difficult: bool = False


class SourceXml(NamedTuple):
    """An annotation: path below DATA, digest of the file, XML ("": it is too long)."""

    path: str
    sha256: str
    source: str


class Picture(msgspec.Struct):
    """An image with labels in doubt, and all of its objects as ingest wrote them.

    Attributes:
      orientation: EXIF's of the picture; 0 where a list of an earlier release lacks it.
      path: of its annotation, below DATA; "" of TFRecords.
      sha256: hex digest of that file, or "".
      source: its XML, or "".
    """

    filename: str
    width: int
    height: int
    objects: list[Drawn]
    orientation: int = 0
    path: str = ""
    sha256: str = ""
    source: str = ""


class Label(msgspec.Struct, rename={"class_name": "class"}):
    """A label in doubt, and what it would be; `object` -1 is a new one."""

    image: str
    kind: Literal["overlooked", "class", "box", "duplicate"]
    object: int
    class_now: str
    class_name: str
    box_xywh: tuple[float, float, float, float]
    sureness: float
    AP_gained: float
    answer: Literal["yes", "no", ""] = ""


class PricedList(msgspec.Struct):
    """All that is needed to write annotations, whichever of the labels are mended.

    `corners` is how the data set's annotations count pixels, `data` where they were,
    or "", `window` whether image ids begin with a span: `7/000001`, `span_corners` how
    those of each span count. `corners_assumed`: of some nothing told.
    """

    AP: float
    AP_mended: float
    corners: Convention
    images: dict[str, Picture]
    labels: list[Label]
    data: str = ""
    window: bool = False
    corners_assumed: bool = False
    span_corners: dict[str, Convention] = {}

    def to_json(self) -> bytes:
        """For people, too; file names that are no text as Python's os has them."""
        text = json.dumps(msgspec.to_builtins(self), indent=1, ensure_ascii=False)
        return text.encode("utf-8", "backslashreplace")


def picture_of(
    example: DetectionExample, annotation: SourceXml | None = None
) -> Picture:
    """The image, with its annotation where that is known."""
    columns = zip(
        example.class_names,
        example.boxes.tolist(),
        example.poses,
        example.truncated.tolist(),
        example.occluded.tolist(),
        example.difficult.tolist(),
        strict=True,
    )
    objects = [Drawn(name, tuple(box), *flags) for name, box, *flags in columns]
    return Picture(
        filename=example.filename,
        width=example.width,
        height=example.height,
        objects=objects,
        orientation=exif_orientation(example.encoded_image),
        **(annotation._asdict() if annotation else {}),
    )


def read_answers(path: str) -> PricedList:
    """The list with its answers; UserError where the file is none, or damaged."""
    try:
        raw = Path(path).read_bytes()
        read = json.loads(raw, parse_float=_finite, parse_constant=_finite)
        answers = msgspec.convert(read, PricedList)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})") from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is no file of answers: {error}") from error
    for label in answers.labels:
        picture = answers.images.get(label.image)
        if picture is None or not -1 <= label.object < len(picture.objects):
            raise UserError(
                f"{path} is no file of answers: it lacks object {label.object} of "
                f"image {label.image!r}"
            )
    return answers


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no finite number")
    return number

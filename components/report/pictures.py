"""Small pictures of the worst images, within what a page may weigh; facts of all."""

import base64
import dataclasses
import io
import math
from collections.abc import Iterator, Sequence

import tensorflow as tf

from components.report.findings import ImageFacts
from components.report.upright_view import UprightView, upright_picture
from schemas import tf_example
from schemas.detection_example import DetectionExample

# Of the 10 MB of a page; the charts' program takes .9, and the names and numbers of
# 5,000 images 2. Base64 takes 4 characters for 3 bytes.
BYTES_FOR_PICTURES = 6_000_000
_MOST_PICTURES = 600
_SIDE_PX = 400
_QUALITY = 72


@dataclasses.dataclass(frozen=True)
class SplitImages:
    """What a page shows of a split's images.

    Attributes:
      facts: image id -> what is known without its pixels; of all images.
      pictures: image id -> JPEG data URI; of those that are shown.
    """

    facts: dict[str, ImageFacts]
    pictures: dict[str, str]

    def lighter_by(self, excess_bytes: int) -> "SplitImages":
        """Without as many of the last pictures, those of the better images."""
        kept = dict(self.pictures)
        while kept and excess_bytes > 0:
            excess_bytes -= len(kept.popitem()[1])
        return SplitImages(self.facts, kept)


def read_images(
    file_pattern: str,
    worst_first: Sequence[str],
    budget_bytes: int = BYTES_FOR_PICTURES,
) -> SplitImages:
    """Reads a split's TFRecords once.

    Args:
      file_pattern: TFRecord files; those of `.gz` are compressed.
      worst_first: image ids; pictures are kept in this order until the budget is
        spent.
      budget_bytes: what the data URIs may take together.
    """
    wanted = frozenset(worst_first[:_MOST_PICTURES])
    facts, drawn = {}, {}
    for example in read_examples(file_pattern):
        facts[example.image_id] = _facts(example)
        if example.image_id in wanted:
            drawn[example.image_id] = thumbnail_uri(example.encoded_image)
    kept, spent = {}, 0
    for image_id in worst_first:
        spent += len(drawn.get(image_id, ""))
        if spent > budget_bytes:
            break
        if image_id in drawn:
            kept[image_id] = drawn[image_id]
    return SplitImages(facts, kept)


def read_examples(file_pattern: str) -> Iterator[DetectionExample]:
    """The examples of TFRecord files, one by one."""
    files = sorted(tf.io.gfile.glob(file_pattern))
    compression = "GZIP" if files and files[0].endswith(".gz") else ""
    for record in tf.data.TFRecordDataset(files, compression):
        yield tf_example.decode_example(record.numpy())


def thumbnail_uri(encoded: bytes) -> str:
    """A picture's JPEG, its longer side at most 400 px, upright as EXIF says."""
    buffer = io.BytesIO()
    upright_picture(encoded, _SIDE_PX).save(buffer, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _facts(example: DetectionExample) -> ImageFacts:
    known = example.brightness >= 0
    return ImageFacts(
        filename=example.filename,
        width=example.width,
        height=example.height,
        brightness=example.brightness if known else math.nan,
        orientation=UprightView.of_file(example.encoded_image).orientation,
        mended=example.mended,
    )

"""Mutated annotations and images through every rule, encoder included.

    python tests/fuzz/fuzz_ingest.py --annotations 100000 --images 5000 --seed 1

Every input must end as an example that encodes and decodes again, or as a rejected
image with a reason; objects in are objects written plus dropped; nothing may raise,
and nothing may take longer than a second. Prints how often each reason was given.
"""

import argparse
import io
import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from mutations import mutate, mutate_xml
from PIL import Image

from components.example_gen.config import IngestConfig
from components.example_gen.examination.examine import Examined, examine
from components.example_gen.shards.tally import Tally
from components.example_gen.source.item import Item
from components.example_gen.source.storage import Entry
from schemas.label_map import LabelMap
from schemas.tf_example import decode_example, encode_example

LABELS = LabelMap(("dog", "person"))
CONFIG = IngestConfig(max_pixels=4_000_000, corners="one_based")
SLOW_S = 1.0
ANNOTATION = b"""<?xml version="1.0" encoding="utf-8"?>
<annotation>
  <folder>VOC2007</folder><filename>a.jpg</filename>
  <size><width>64</width><height>48</height><depth>3</depth></size>
  <object>
    <name>dog</name><pose>Left</pose><truncated>0</truncated><difficult>0</difficult>
    <bndbox><xmin>5</xmin><ymin>6</ymin><xmax>40</xmax><ymax>30</ymax></bndbox>
    <part><name>head</name>
      <bndbox><xmin>6</xmin><ymin>7</ymin><xmax>15</xmax><ymax>17</ymax></bndbox>
    </part>
  </object>
  <object>
    <name>person</name><pose>Unspecified</pose><truncated>1</truncated>
    <difficult>1</difficult>
    <bndbox><ymax>48</ymax><xmax>64</xmax><ymin>20.5</ymin><xmin>20.5</xmin></bndbox>
  </object>
</annotation>
"""


def base_images() -> list[bytes]:
    """One small image of every kind that is accepted."""
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    picture = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 6
    options = [
        ("JPEG", "RGB", {}),
        ("JPEG", "RGB", {"progressive": True, "exif": exif}),
        ("JPEG", "L", {}),
        ("JPEG", "CMYK", {}),
        ("PNG", "RGB", {}),
        ("PNG", "P", {}),
        ("PNG", "RGBA", {}),
    ]
    images = []
    for fmt, mode, extra in options:
        buffer = io.BytesIO()
        picture.convert(mode).save(buffer, fmt, **extra)
        images.append(buffer.getvalue())
    return images


class Fuzzer:
    """Puts one annotation and one image at a time through ingest."""

    def __init__(self, place: Path) -> None:
        self._place = f"{place}/"
        self._xml, self._image = place / "a.xml", place / "a.jpg"
        self.tally = Tally()
        self.slowest_s = 0.0

    def try_one(self, xml: bytes, image: bytes) -> None:
        """Raises where the promises are broken."""
        self._xml.write_bytes(xml)
        self._image.write_bytes(image)
        item = Item(
            image_id="a",
            split="train",
            annotation=Entry("a.xml", len(xml), self._place),
            image=Entry("a.jpg", len(image), self._place),
            unsafe="",
            listed=True,
        )
        start = time.perf_counter()
        examined = examine(item, frozenset(LABELS.names), CONFIG)
        self.slowest_s = max(self.slowest_s, time.perf_counter() - start)
        self.tally.add(examined, "train")
        self._check(examined)

    def _check(self, examined: Examined) -> None:
        example = examined.example
        actions = Counter(finding.action for finding in examined.findings)
        if example is None:
            assert actions["reject_image"] == 1, examined
            return
        assert actions["reject_image"] == 0, examined
        dropped = examined.objects_in - len(example.boxes)
        assert dropped == actions["drop_object"], examined
        boxes = example.boxes
        assert np.isfinite(boxes).all(), examined
        assert (boxes[:, :2] >= 0).all(), examined
        assert (boxes[:, 2] <= example.width).all(), examined
        assert (boxes[:, 3] <= example.height).all(), examined
        assert (boxes[:, 2:] - boxes[:, :2] >= CONFIG.min_box_px).all(), examined
        again = decode_example(encode_example(example, LABELS))
        assert again.class_names == example.class_names, examined
        assert again.encoded_image == example.encoded_image, examined


def fuzz(annotations: int, images: int, seed: int) -> Fuzzer:
    """Runs both kinds of mutation; the same seed, the same inputs."""
    rng = random.Random(seed)
    bases = base_images()
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        fuzzer = Fuzzer(Path(place))
        for index in range(annotations):
            fuzzer.try_one(mutate_xml(rng, ANNOTATION), bases[index % len(bases)])
        for index in range(images):
            fuzzer.try_one(ANNOTATION, mutate(rng, bases[index % len(bases)]))
    totals = fuzzer.tally.totals
    assert totals["images_in"] == annotations + images
    assert totals["images_in"] == totals["images_written"] + totals["images_rejected"]
    assert totals["objects_in"] == totals["objects_written"] + totals["objects_dropped"]
    assert fuzzer.slowest_s < SLOW_S, f"one input took {fuzzer.slowest_s:.1f} s"
    return fuzzer


def main() -> None:
    """Reads the command line, fuzzes, prints the reasons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--annotations", type=int, default=100_000)
    parser.add_argument("--images", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    start = time.monotonic()
    fuzzer = fuzz(args.annotations, args.images, args.seed)
    for name, count in (
        *sorted(fuzzer.tally.totals.items()),
        *fuzzer.tally.reasons.most_common(),
    ):
        sys.stdout.write(f"{count:8d}  {name}\n")
    sys.stdout.write(
        f"{time.monotonic() - start:.0f} s, slowest {fuzzer.slowest_s * 1e3:.0f} ms\n"
    )


if __name__ == "__main__":
    main()

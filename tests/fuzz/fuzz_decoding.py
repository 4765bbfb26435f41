"""Whatever ingest accepts, TensorFlow decodes, to the same size.

    python tests/fuzz/fuzz_decoding.py --each 5000 --seed 1

Damages images of every kind (bits flipped, bytes cut out, put in, repeated; PNG chunks
changed, with a right or a wrong checksum) and puts each through ingest and through the
input pipeline's decoder. Prints, for every kind, how many both took, both refused, and
ingest alone refused; one that ingest alone accepts ends the run with its bytes on disk.
"""

import argparse
import dataclasses
import io
import random
import struct
import sys
import tempfile
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import tensorflow as tf
from mutations import mutate
from PIL import Image

from components.example_gen.config import IngestConfig
from components.example_gen.examination.examine import examine
from components.example_gen.source.item import Item
from components.example_gen.source.storage import Entry
from trainer.image.letterbox import decode_image

CONFIG = IngestConfig(max_pixels=4_000_000, corners="one_based")
ANNOTATION = b"<annotation><filename>a.jpg</filename></annotation>"
PNG_KINDS = ("png", "png interlaced", "png palette", "png 16 bits", "png alpha")


def base_images() -> dict[str, bytes]:
    """A small image of each kind, noise and plain areas in it."""
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    pixels[20:, :30] = 90
    picture = Image.fromarray(pixels)
    deep = Image.frombytes("I;16", (64, 48), pixels.tobytes()[: 64 * 48 * 2])
    made = {
        "jpeg": _encode(picture, "JPEG"),
        "jpeg progressive": _encode(picture, "JPEG", progressive=True),
        "jpeg restarts": _encode(picture, "JPEG", restart_marker_blocks=4),
        "jpeg gray": _encode(picture.convert("L"), "JPEG"),
        "jpeg cmyk": _encode(picture.convert("CMYK"), "JPEG"),
        "png": _encode(picture, "PNG"),
        "png palette": _encode(picture.convert("P"), "PNG"),
        "png 16 bits": _encode(deep, "PNG"),
        "png alpha": _encode(picture.convert("RGBA"), "PNG"),
        "gif as .jpg": _encode(picture.convert("P"), "GIF"),
        "bmp as .jpg": _encode(picture, "BMP"),
        "webp as .jpg": _encode(picture, "WEBP"),
    }
    made["png interlaced"] = interlaced_png(64, 48)
    return made


def _encode(picture: Image.Image, fmt: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, fmt, **options)
    return buffer.getvalue()


def png_of(chunks: list[tuple[bytes, bytes]], wrong: int = -1) -> bytes:
    """Chunks (name, data) -> a PNG; the checksum of number `wrong` is."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    for index, (name, data) in enumerate(chunks):
        checksum = zlib.crc32(name + data) ^ (index == wrong)
        parts.append(struct.pack(">I", len(data)) + name + data)
        parts.append(struct.pack(">I", checksum))
    return b"".join(parts)


def chunks_of(png: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a sound PNG."""
    at, found = 8, []
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        found.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def interlaced_png(width: int, height: int) -> bytes:
    """Grey, Adam7: Pillow writes none."""
    rows = b""
    for left, top, step_x, step_y in (
        *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
        *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
    ):
        columns = len(range(left, width, step_x))
        for row in range(top, height, step_y):
            rows += b"\0" + bytes((row * 7 + c * 3) % 256 for c in range(columns))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 1)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return png_of(chunks)


def mutate_png(rng: random.Random, png: bytes) -> bytes:
    """Damage inside of the structure: chunks, rows, checksums."""
    chunks = chunks_of(png)
    pick, at = rng.randrange(8), rng.randrange(len(chunks))
    name, data = chunks[at]
    if pick == 0:
        del chunks[at]
    elif pick == 1:
        chunks.insert(rng.randrange(len(chunks) + 1), chunks[at])
    elif pick == 2:
        extra = rng.choice((b"tEXt", b"zTXt", b"iCCP", b"eXIf", b"tRNS", b"ABCD"))
        place = rng.randrange(len(chunks) + 1)
        chunks.insert(place, (extra, rng.randbytes(rng.randrange(30))))
        return png_of(chunks, rng.choice((-1, place)))
    elif pick == 3:
        return png_of(chunks, at)
    elif pick in (4, 5):
        pixels = b"".join(data for name, data in chunks if name == b"IDAT")
        rows = bytearray(zlib.decompress(pixels))
        rows = mutated_rows(rng, rows)
        packed = zlib.compress(rows)[: rng.choice((None, None, -1, -4))]
        cut = rng.randrange(len(packed) + 1)
        others = [chunk for chunk in chunks if chunk[0] != b"IDAT"]
        split = [(b"IDAT", packed[:cut]), (b"IDAT", packed[cut:])]
        chunks = [*others[:-1], *split, others[-1]]
    else:
        chunks[at] = (name, mutate(rng, data or b"x"))
    return png_of(chunks)


def mutated_rows(rng: random.Random, rows: bytearray) -> bytearray:
    """Fewer or more bytes of pixels, or other ones."""
    pick = rng.randrange(3)
    if pick == 0:
        return rows[: rng.randrange(len(rows) + 1)]
    if pick == 1:
        return rows + rng.randbytes(rng.randrange(1, 400))
    rows[rng.randrange(len(rows))] = rng.randrange(256)
    return rows


@dataclasses.dataclass
class Counts:
    """What became of the damaged images of one kind."""

    both: int = 0
    neither: int = 0
    ingest_refused: int = 0  # and TensorFlow decodes them
    reasons: dict[str, int] = dataclasses.field(default_factory=dict)


class ContractError(AssertionError):
    """Ingest accepted what TensorFlow does not decode, or not to that size."""


class Contract:
    """Puts one image at a time through both."""

    def __init__(self, place: Path) -> None:
        self._place = f"{place}/"
        self._xml, self._image = place / "a.xml", place / "a.jpg"
        self._xml.write_bytes(ANNOTATION)

    def accepted(self, raw: bytes) -> tuple[tuple[int, int] | None, str]:
        """(width, height) as ingest writes it, or None and the reason."""
        self._image.write_bytes(raw)
        item = Item(
            image_id="a",
            split="train",
            annotation=Entry("a.xml", len(ANNOTATION), self._place),
            image=Entry("a.jpg", len(raw), self._place),
            unsafe="",
            listed=True,
        )
        examined = examine(item, frozenset(), CONFIG)
        if examined.example is not None:
            return (examined.example.width, examined.example.height), ""
        last = examined.findings[-1]
        return None, f"{last.reason}: {last.detail}"

    def check(self, raw: bytes, counts: Counts) -> None:
        """ContractError where ingest accepts more than the decoder."""
        size, reason = self.accepted(raw)
        decoded, error = decoded_size(raw)
        if size is not None and size != decoded:
            raise ContractError(f"ingest {size}, TensorFlow {decoded or error}")
        if size is not None:
            counts.both += 1
        elif decoded is None:
            counts.neither += 1
        else:
            counts.ingest_refused += 1
            counts.reasons[reason] = counts.reasons.get(reason, 0) + 1


def decoded_size(raw: bytes) -> tuple[tuple[int, int] | None, str]:
    """(width, height) as the input pipeline and the served model decode it."""
    try:
        height, width, _ = decode_image(tf.constant(raw)).shape
    except tf.errors.InvalidArgumentError as error:
        return None, str(error)
    return (width, height), ""


def fuzz(each: int, seed: int, keep: Path | None = None) -> dict[str, Counts]:
    """`each` damaged images of every kind; the same seed, the same images."""
    results = {}
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        contract = Contract(Path(place))
        for kind, base in base_images().items():
            rng = random.Random(f"{seed} {kind}")
            counts = results[kind] = Counts()
            contract.check(base, counts)
            for _ in range(each):
                inside = kind in PNG_KINDS and rng.random() < 0.6
                raw = mutate_png(rng, base) if inside else mutate(rng, base)
                try:
                    contract.check(raw, counts)
                except ContractError as error:
                    if keep is not None:
                        keep.write_bytes(raw)
                    raise ContractError(f"{kind}: {error}") from error
    return results


def main() -> None:
    """Reads the command line, fuzzes, prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("broken_contract.bin"))
    args = parser.parse_args()
    start = time.monotonic()
    sys.stdout.write("  both  neither  ingest alone refused\n")
    for kind, counts in fuzz(args.each, args.seed, args.keep).items():
        sys.stdout.write(
            f"{counts.both:6d}  {counts.neither:7d}  {counts.ingest_refused:6d}"
            f"  {kind}\n"
        )
        most = sorted(counts.reasons.items(), key=lambda item: -item[1])[:4]
        for reason, count in most:
            sys.stdout.write(f"{'':25s}{count:6d}  {reason[:90]}\n")
    sys.stdout.write(f"{time.monotonic() - start:.0f} s, seed {args.seed}\n")


if __name__ == "__main__":
    main()

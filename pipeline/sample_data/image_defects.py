"""Defects of image files. Each spoils one image and tells in words what it did."""

import io
import struct
import zlib

from PIL import Image

from pipeline.sample_data.folder import Folder, with_value


def missing_image(folder: Folder, image_id: str) -> str:
    """Leaves an annotation and a listing without an image."""
    folder.image(image_id).unlink()
    return "the image is gone, its annotation and its listing are not"


def empty_image(folder: Folder, image_id: str) -> str:
    """Leaves a file of no bytes."""
    folder.image(image_id).write_bytes(b"")
    return "the image is a file of 0 bytes"


def truncated_jpeg(folder: Folder, image_id: str) -> str:
    """Cuts the file as a broken download does: the header still reads."""
    encoded = folder.image(image_id).read_bytes()
    folder.image(image_id).write_bytes(encoded[: len(encoded) * 6 // 10])
    return "the last 40 % of the JPEG are missing"


def png_named_jpg(folder: Folder, image_id: str) -> str:
    """Puts a PNG under a .jpg name."""
    _reencode(folder, image_id, "PNG", "RGB")
    return "the .jpg holds a PNG"


def gif_named_jpg(folder: Folder, image_id: str) -> str:
    """Puts a GIF under a .jpg name."""
    _reencode(folder, image_id, "GIF", "P")
    return "the .jpg holds a GIF"


def cmyk_jpeg(folder: Folder, image_id: str) -> str:
    """Saves the JPEG as for print."""
    _reencode(folder, image_id, "JPEG", "CMYK")
    return "the JPEG is CMYK"


def palette_png(folder: Folder, image_id: str) -> str:
    """Makes the image a PNG with a palette, under its right name."""
    _reencode(folder, image_id, "PNG", "P")
    _to_png_name(folder, image_id)
    return "the image is a PNG with a palette"


def alpha_png(folder: Folder, image_id: str) -> str:
    """Makes the image a PNG with an alpha channel, under its right name."""
    _reencode(folder, image_id, "PNG", "RGBA")
    _to_png_name(folder, image_id)
    return "the image is a PNG with an alpha channel"


def too_many_pixels(folder: Folder, image_id: str) -> str:
    """Puts a PNG there whose header promises 2.5 gigapixels."""
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    encoded = b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(*chunk) for chunk in chunks)
    folder.image(image_id).write_bytes(encoded)
    _to_png_name(folder, image_id)
    return "the PNG's header says 50000 x 50000 pixels"


def exif_orientation(folder: Folder, image_id: str) -> str:
    """Adds the tag that viewers obey; the boxes are in stored orientation."""
    exif = Image.Exif()
    exif[0x0112] = 6
    payload = exif.tobytes()
    segment = b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload
    encoded = folder.image(image_id).read_bytes()
    folder.image(image_id).write_bytes(encoded[:2] + segment + encoded[2:])
    return "EXIF orientation 6; the boxes are in stored orientation"


def upper_case_extension(folder: Folder, image_id: str) -> str:
    """Names the file as cameras do."""
    folder.rename(image_id, image_id, "JPG")
    return "the image is called .JPG"


def jpeg_extension(folder: Folder, image_id: str) -> str:
    """Names the file with the four-letter extension."""
    folder.rename(image_id, image_id, "jpeg")
    return "the image is called .jpeg"


def duplicate_in_split(folder: Folder, image_id: str) -> str:
    """Copies image and annotation under another id of the same split."""
    copy_id = f"{image_id}_copy"
    folder.copy(image_id, copy_id)
    split = folder.split_of(image_id)
    folder.list_in(copy_id, _lists_of(split))
    return f"{copy_id} is the same image and lies in the same split, {split}"


def leak_between_splits(folder: Folder, image_id: str) -> str:
    """Copies image and annotation under another id of another split."""
    copy_id = f"{image_id}_again"
    folder.copy(image_id, copy_id)
    split = "train" if folder.split_of(image_id) == "val" else "val"
    folder.list_in(copy_id, _lists_of(split))
    return f"{copy_id} is the same image and lies in {split}"


def listed_in_two_splits(folder: Folder, image_id: str) -> str:
    """Lists one id in a second split."""
    split = "train" if folder.split_of(image_id) == "val" else "val"
    folder.list_in(image_id, [split])
    return f"the id is listed in {split} too"


def _lists_of(split: str) -> list[str]:
    return [split] if split == "test" else [split, "trainval"]


def _reencode(folder: Folder, image_id: str, container: str, mode: str) -> None:
    with Image.open(folder.image(image_id)) as image:
        converted = image.convert(mode)
    buffer = io.BytesIO()
    converted.save(buffer, container)
    folder.image(image_id).write_bytes(buffer.getvalue())


def _to_png_name(folder: Folder, image_id: str) -> None:
    folder.image(image_id).rename(folder.image(image_id, "png"))
    folder.edit_xml(
        image_id, lambda xml: with_value(xml, "filename", f"{image_id}.png")
    )


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)

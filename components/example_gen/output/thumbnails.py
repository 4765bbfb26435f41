"""Small pictures of images with one box drawn, upright, as data URIs."""

import base64
import io

from PIL import Image, ImageDraw, ImageOps

from components.example_gen.source import image as images
from components.example_gen.source import storage
from components.example_gen.source.item import Item
from schemas.single_box import Box

_SIDE_PX = 240
_MARGIN = 0.25  # of the image: room for boxes that leave it
_MAX_BYTES = 32 * 1024 * 1024
_MAX_PIXELS = 64_000_000
_EXIF_ORIENTATION = 0x0112


def thumbnail_uri(item: Item, box: Box | None) -> str:
    """JPEG data URI of an item with a box in it; "" where it cannot be shown."""
    if item.image is None or item.unsafe:
        return ""
    try:
        raw = storage.read_bytes(item.image, _MAX_BYTES)
        content = images.sniff(raw)
        if content not in {"jpeg", "png"}:
            return ""
        picture = images.open_image(raw, content)
        if picture.width * picture.height > _MAX_PIXELS:
            return ""
        picture.draft("RGB", (_SIDE_PX * 2, _SIDE_PX * 2))
        header = images.header_of(images.open_image(raw, content), content, raw)
        picture = images.to_rgb(picture)
    except (OSError, storage.TooLargeError, images.ImageError):
        return ""
    drawn = _draw(picture, box, picture.width / header.width)
    drawn.getexif()[_EXIF_ORIENTATION] = header.exif_orientation
    return _encode(ImageOps.exif_transpose(drawn))


def _draw(picture: Image.Image, box: Box | None, scale: float) -> Image.Image:
    if box is None:
        picture.thumbnail((_SIDE_PX, _SIDE_PX))
        return picture
    margin = round(_MARGIN * max(picture.size)) if _leaves(box, picture, scale) else 0
    framed = ImageOps.expand(picture, margin, "#888")
    shrink = min(1.0, _SIDE_PX / max(framed.size))
    framed.thumbnail((_SIDE_PX, _SIDE_PX))
    limit = 4.0 * _SIDE_PX
    corners = [
        min(max((side * scale + margin) * shrink, -limit), limit) for side in box
    ]
    left, right = sorted((corners[0], corners[2]))
    top, bottom = sorted((corners[1], corners[3]))
    # A box of a pixel would be nothing to look at: four pixels around it.
    outline = [left - 2, top - 2, right + 2, bottom + 2]
    ImageDraw.Draw(framed).rectangle(outline, outline="#f00", width=2)
    return framed


def _leaves(box: Box, picture: Image.Image, scale: float) -> bool:
    xmin, ymin, xmax, ymax = (side * scale for side in box)
    return min(xmin, ymin) < 0 or xmax > picture.width or ymax > picture.height


def _encode(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=75)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()

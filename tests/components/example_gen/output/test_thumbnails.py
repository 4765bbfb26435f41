import base64
import io

import numpy as np
from PIL import Image

from components.example_gen.output.thumbnails import thumbnail_uri
from components.example_gen.source.item import Item
from components.example_gen.source.storage import Entry


def test_a_picture_is_upright_and_the_box_that_is_drawn_in_it_too(tmp_path):
    """EXIF's 6: stored row 0 is seen on the right, column 0 on top."""
    exif, path = Image.Exif(), tmp_path / "a.jpg"
    exif[0x0112] = 6
    Image.new("RGB", (200, 100), "white").save(path, exif=exif)
    image = Entry(path.name, path.stat().st_size, f"{tmp_path}/")
    item = Item("a", "", None, image, "", listed=False)

    uri = thumbnail_uri(item, (40, 16, 160, 48))

    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as shown:
        assert shown.size == (100, 200)
        assert not shown.getexif()
        pixels = np.asarray(shown).astype(int)
    rows, columns = np.nonzero(pixels[..., 0] - pixels[..., 1] > 120)  # it is red
    drawn = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(drawn, [100 - 48, 40, 100 - 16, 160], atol=4)

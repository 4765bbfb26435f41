import base64
import io

import pytest
from PIL import Image

pytestmark = pytest.mark.filterwarnings("ignore")


def test_the_worst_images_are_kept_until_the_budget_is_spent(tmp_path, write_examples):
    from components.report.pictures import read_images

    boxes = {name: (64, 48, [[0, 0, 9, 9]]) for name in "abc"}
    pattern = write_examples(tmp_path / "i.gz", boxes)
    everything = read_images(pattern, ["c", "a", "b"])
    one = len(everything.pictures["c"])

    cut = read_images(pattern, ["c", "a", "b"], budget_bytes=2 * one + 1)

    assert list(everything.pictures) == ["c", "a", "b"]
    assert list(cut.pictures) == ["c", "a"]
    assert list(everything.lighter_by(one).pictures) == ["c", "a"]
    assert everything.lighter_by(10 * one).pictures == {}
    assert set(cut.facts) == {"a", "b", "c"}
    assert cut.facts["a"].filename == "a.png"
    assert (cut.facts["a"].width, cut.facts["a"].height) == (64, 48)


def test_a_thumbnail_lies_as_it_is_stored():
    from components.report.pictures import thumbnail_uri

    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying, seen standing; boxes are in stored pixels
    buffer = io.BytesIO()
    Image.new("RGB", (1600, 800)).save(buffer, "JPEG", exif=exif)
    head, _, data = thumbnail_uri(buffer.getvalue()).partition(",")
    assert head == "data:image/jpeg;base64"
    small = Image.open(io.BytesIO(base64.b64decode(data)))
    assert small.size == (400, 200)
    assert not small.getexif()

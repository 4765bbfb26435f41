import base64
import dataclasses
import io
import json

import html5lib
import numpy as np
import pytest
from PIL import Image

from schemas import tf_example
from schemas.detection_example import DetectionExample
from schemas.label_map import LabelMap

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


BOX = [40, 16, 160, 48]  # white on black in a picture of 200 x 100, as stored


def turned_example(orientation):
    picture, exif, buffer = Image.new("RGB", (200, 100)), Image.Exif(), io.BytesIO()
    picture.paste((255, 255, 255), tuple(BOX))
    exif[0x0112] = orientation
    picture.save(buffer, "JPEG", exif=exif, quality=95)
    none = np.zeros(1, bool)
    example = DetectionExample(
        image_id="p",
        filename="p.jpg",
        source_path="p.jpg",
        encoded_image=buffer.getvalue(),
        image_format="jpeg",
        width=200,
        height=100,
        sha256="0",
        boxes=np.array([BOX], np.float32),
        class_names=("dog",),
        difficult=none,
        truncated=none,
        occluded=none,
        poses=("",),
    )
    return tf_example.encode_example(example, LabelMap(("dog",)))


def extent(mask):
    rows, columns = np.nonzero(mask)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_turned_by_exif_is_shown_upright_with_its_boxes(
    tmp_path, make_findings, orientation
):
    import tensorflow as tf

    from components.report.detections import detection_sheet
    from components.report.image_events import image_events
    from components.report.page import render
    from components.report.pictures import read_images

    pattern = str(tmp_path / "one")
    with tf.io.TFRecordWriter(pattern) as writer:
        writer.write(turned_example(orientation))
    findings = make_findings([scored_image(BOX)])
    page = html5lib.parse(
        render(findings, image_events(findings), read_images(pattern, ["p"]))
    )
    (data,) = [s for s in page.iter() if s.get("id") == "browser"]
    (shown,) = json.loads(data.text)["images"]

    content = base64.b64decode(shown["picture"].partition(",")[2])
    picture = Image.open(io.BytesIO(content))
    assert not picture.getexif()
    assert picture.size == (shown["width"], shown["height"])
    assert picture.size == ((200, 100) if orientation < 5 else (100, 200))
    white = extent(np.asarray(picture.convert("L")) > 128)
    np.testing.assert_allclose(shown["objects"][0][-1], white, atol=1)
    np.testing.assert_allclose(shown["found"][0][-1], white, atol=1)

    alone = dataclasses.replace(findings, min_score=0.95)  # no detection covers it
    sheet = np.asarray(detection_sheet(alone, pattern, 1)).astype(int)
    drawn = extent(sheet[..., 1] - sheet[..., 0] > 40)  # annotated boxes are green
    np.testing.assert_allclose(drawn, [2 + side * 1.58 for side in white], atol=3)


def scored_image(box):
    from components.evaluator.coco_combine import ScoredImage

    boxes, classes = np.array([box], float), np.zeros(1, np.int64)
    return ScoredImage(
        image_id="p",
        gt_boxes=boxes,
        gt_classes=classes,
        gt_difficult=np.zeros(1, bool),
        boxes=boxes,
        classes=classes,
        scores=np.array([0.9]),
    )


def test_a_picture_with_damaged_exif_is_shown_as_the_model_sees_it():
    """Its description lies behind the file's end, where Pillow gives up."""
    from components.report.upright_view import UprightView, upright_picture
    from schemas.exif_orientation import exif_orientation

    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x010E], exif[0x0112] = "a description", 6
    Image.new("RGB", (20, 10)).save(buffer, "JPEG", exif=exif)
    raw = buffer.getvalue()
    entry = raw.index(b"\x01\x0e\x00\x02")  # tag, kind ASCII; 4 bytes count, 4 offset
    raw = raw[: entry + 8] + b"\x7f\xff\xff\x00" + raw[entry + 12 :]

    assert exif_orientation(raw) == 6
    assert UprightView.of_file(raw).orientation == 6
    assert upright_picture(raw).size == (10, 20)

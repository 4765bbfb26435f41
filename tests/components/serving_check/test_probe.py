import io
import math
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from components.serving_check import probe
from components.serving_check.asked_images import (
    Answer,
    AskedImage,
    write_answers,
    write_asked,
)
from schemas import example_wire, tf_example

WIDTH, HEIGHT = 40, 30


def detections(**changes):
    """One image, three rows, two of them detections."""
    values = {
        "boxes": np.array([[[0, 0, 40, 30], [1, 2, 3, 4], [0, 0, 0, 0]]], np.float32),
        "scores": np.array([[0.9, 0.5, 0.0]], np.float32),
        "classes": np.array([[1, 0, -1]], np.int32),
        "class_names": np.array([[b"dog", b"cat", b""]]),
        "num_detections": np.array([2], np.int32),
    }
    return values | changes


def problems(**changes):
    return probe.detection_problems(detections(**changes), 0, HEIGHT, WIDTH)


def test_legal_detections_have_no_problems():
    assert problems() == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"num_detections": np.array([4])}, "num_detections 4 is outside 0..3"),
        ({"scores": np.array([[np.nan, 0.5, 0]])}, "a box or a score is NaN"),
        ({"scores": np.array([[1.5, 0.5, 0]])}, "a score is outside 0..1"),
        ({"scores": np.array([[0.5, 0.9, 0]])}, "scores do not descend"),
        ({"classes": np.array([[-1, 0, -1]])}, "a detection has no class"),
        ({"class_names": np.array([[b"", b"cat", b""]])}, "a detection has no class"),
        (
            {"boxes": np.array([[[0, 0, 41, 30], [1, 2, 3, 4], [0, 0, 0, 0]]])},
            "a box leaves the image",
        ),
        (
            {"boxes": np.array([[[9, 0, 4, 30], [1, 2, 3, 4], [0, 0, 0, 0]]])},
            "a box has its corners swapped",
        ),
    ],
)
def test_each_illegal_detection_is_named(changes, expected):
    (found,) = problems(**changes)

    assert found.startswith(expected)


def test_rows_behind_the_count_are_padding_and_not_looked_at():
    assert problems(num_detections=np.array([0]), scores=np.full((1, 3), np.nan)) == []


SIZES = [(40, 30), (20, 50)]


@pytest.fixture
def asked(tmp_path):
    """Two images of different sizes, and what a detector of one box finds in them."""
    images, answers = [], []
    for number, (width, height) in enumerate(SIZES):
        encoded = io.BytesIO()
        Image.new("RGB", (width, height)).save(encoded, format="PNG")
        content = encoded.getvalue()
        example = example_wire.encode({tf_example.ENCODED: [content]})
        images.append(AskedImage(f"image {number}", content, example))
        box = np.array([[0, 0, width, height]], np.float32)
        answers.append(Answer(box, np.array([0.5], np.float32), ["dog"]))
    write_asked(str(tmp_path), images)
    write_answers(str(tmp_path), answers)
    return str(tmp_path)


def test_a_whole_model_has_no_problems(tmp_path, asked, save_one_box):
    findings = probe.probe(save_one_box(tmp_path / "model"), asked)

    assert findings["problems"] == []
    assert findings["images"] == 2
    assert findings["ms_per_image"] > 0
    assert findings["memory_mib"] > 10
    assert findings["notes"] == [
        "a file that is no image fails the whole request, and nothing says which"
    ]


XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def test_a_picture_lies_as_exif_says_and_not_as_else(tmp_path, save_one_box):
    """Some cameras write 0, which says nothing; XMP is for no viewer."""
    width, height = SIZES[0]
    files, exif = [io.BytesIO(), io.BytesIO()], Image.Exif()
    exif[0x0112] = 0
    Image.new("RGB", (width, height)).save(files[0], "JPEG", exif=exif)
    Image.new("RGB", (width, height)).save(files[1], "JPEG", xmp=XMP)
    images = [
        AskedImage("", raw, example_wire.encode({tf_example.ENCODED: [raw]}))
        for raw in (file.getvalue() for file in files)
    ]
    box = np.array([[0, 0, width, height]], np.float32)
    answer = Answer(box, np.array([0.5], np.float32), ["dog"])
    write_asked(str(tmp_path), images)
    write_answers(str(tmp_path), [answer, answer])

    model = save_one_box(tmp_path / "model")
    assert probe.probe(model, str(tmp_path))["problems"] == []


def test_every_image_with_an_illegal_box_is_named(tmp_path, asked, save_one_box):
    model = save_one_box(tmp_path / "model", edge=1.5)

    problems = probe.probe(model, asked)["problems"]

    ways = (
        "serving_default",
        "serving_default in a batch",
        "serving_tf_example",
        "serving_images",
    )
    assert problems == [
        *(
            f"image {n} by {way}: a box leaves the image"
            for way in ways
            for n in (0, 1)
        ),
        "black 80x48 image: a box leaves the image",
    ]


def test_boxes_that_the_model_itself_does_not_find_are_named(
    tmp_path, asked, save_one_box
):
    """A legal answer, and a wrong one: half the size."""
    model = save_one_box(tmp_path / "model", edge=0.5)

    problems = probe.probe(model, asked)["problems"]

    assert len(problems) == 8
    assert problems[0] == (
        "image 0 by serving_default: 1 of its own 1 detections are not served, 1 "
        "others are; first: dog 0.500 at [0, 0, 40, 30] is not served"
    )


def test_weights_that_are_no_numbers_are_named(tmp_path, asked, save_one_box):
    model = save_one_box(tmp_path / "model", edge=math.nan)

    (problem,) = probe.probe(model, asked)["problems"]

    assert "holds NaN or infinity" in problem


def test_a_missing_signature_is_named_with_those_that_exist(
    tmp_path, asked, save_one_box
):
    folder = save_one_box(tmp_path / "model", signatures=["serving_default"])

    assert probe.probe(folder, asked)["problems"] == [
        "no signature serving_tf_example; there are ['serving_default']",
        "no signature serving_images; there are ['serving_default']",
    ]


def test_the_process_that_asks_knows_no_trainer():
    code = (
        "import sys, components.serving_check.probe\nsys.exit('trainer' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

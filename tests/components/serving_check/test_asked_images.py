import io

import numpy as np
import pytest
from PIL import Image

from components.serving_check.asked_images import (
    Answer,
    choose,
    read_answers,
    read_asked,
    write_answers,
    write_asked,
)
from schemas import tf_example
from schemas.detection_example import DetectionExample
from schemas.label_map import LabelMap


def record(image_id, width, height):
    encoded = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(encoded, format="PNG")
    example = DetectionExample(
        image_id=image_id,
        filename=f"{image_id}.png",
        source_path=f"{image_id}.png",
        encoded_image=encoded.getvalue(),
        image_format="png",
        width=width,
        height=height,
        sha256="0",
    )
    return tf_example.encode_example(example, LabelMap(("dog",)))


RECORDS = [record("a", 8, 6), record("b", 8, 6), record("c", 4, 4), record("d", 8, 6)]


def test_different_sizes_come_first_then_a_gray_and_a_turned_image():
    asked = choose(RECORDS, 3)

    assert [image.name for image in asked] == [
        "image a",
        "image c",
        "image b",
        "a gray image",
        "an image turned by EXIF",
    ]
    gray, turned = (Image.open(io.BytesIO(image.encoded)) for image in asked[3:])
    assert (gray.mode, gray.size) == ("L", (8, 6))
    assert (turned.format, turned.getexif()[0x0112]) == ("JPEG", 6)


def test_the_images_survive_their_way_through_a_folder(tmp_path):
    asked = choose(RECORDS, 2)
    write_asked(str(tmp_path), asked)

    assert read_asked(str(tmp_path)) == asked


def test_answers_survive_their_way_through_a_folder(tmp_path):
    some = Answer(np.ones((1, 4), np.float32), np.ones(1, np.float32), ["dög"])
    none = Answer(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), [])
    write_answers(str(tmp_path), [some, none])

    first, second = read_answers(str(tmp_path))
    assert first.boxes.tolist() == [[1, 1, 1, 1]]
    assert first.names == ["dög"]
    assert len(second.scores) == 0


@pytest.mark.parametrize("count", [1, 9])
def test_few_images_are_asked_about_all(count):
    assert len(choose(RECORDS[:1], count)) == 3

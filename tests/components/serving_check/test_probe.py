import numpy as np
import pytest

from components.serving_check import probe

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


@pytest.fixture
def examples(tmp_path, write_examples):
    """Two images of different sizes."""
    images = {"a": (40, 30, []), "b": (20, 50, [])}
    return write_examples(tmp_path / "images-00000-of-00001.gz", images)


def test_a_whole_model_has_no_problems(tmp_path, examples, save_one_box):
    findings = probe.probe(save_one_box(tmp_path / "model"), examples, 4)

    assert findings["problems"] == []
    assert findings["images"] == 2
    assert findings["ms_per_image"] > 0


def test_every_image_with_an_illegal_box_is_named(tmp_path, examples, save_one_box):
    model = save_one_box(tmp_path / "model", edge=1.5)

    assert probe.probe(model, examples, 4)["problems"] == [
        "image a: a box leaves the image",
        "image b: a box leaves the image",
        "black 80x48 image: a box leaves the image",
    ]


def test_a_missing_signature_is_named_with_those_that_exist(
    tmp_path, examples, save_one_box
):
    folder = save_one_box(tmp_path / "model", signatures=["serving_default"])

    assert probe.probe(folder, examples, 4)["problems"] == [
        "no signature serving_tf_example; there are ['serving_default']",
        "no signature serving_images; there are ['serving_default']",
    ]

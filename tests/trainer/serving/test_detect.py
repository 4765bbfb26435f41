"""The file that is given away finds what training and serving find."""

import io
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from trainer.image import letterbox as served
from trainer.image.upright import stored_boxes
from trainer.model.config import DecodingConfig
from trainer.model.detection.decoding import decode_detections
from trainer.serving import detect

CONFIG = {
    "score_from": 0.05,
    "nms_iou": 0.5,
    "pre_nms_top_k": 60,
    "max_detections": 20,
    "class_agnostic_nms": False,
    "box_variance": (0.1, 0.1, 0.2, 0.2),
}


def encoded(pixels, form="PNG"):
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, form)
    return sink.getvalue()


def smooth(height, width):
    """A picture without pixel noise, whose scaling hardly depends on rounding."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 9) + np.cos(y / 7), np.sin((x + y) / 11), np.cos(x / 13)]
    return np.uint8(128 + 60 * np.stack(waves, -1))


@pytest.mark.parametrize("size", [(90, 200), (64, 96), (31, 17), (300, 150)])
def test_a_picture_is_letterboxed_as_in_training(size):
    png = encoded(smooth(*size))
    frame, scale, offset = detect.letterbox(detect.read_image(png), (64, 96))
    expected, letterbox = served.letterbox_image(served.decode_image(png), (64, 96))

    np.testing.assert_allclose(np.concatenate([scale, offset]), letterbox, rtol=1e-6)
    assert np.abs(frame.astype(int) - expected.numpy()).max() <= 1


def test_any_kind_of_picture_is_read_as_in_training():
    grey = smooth(20, 30)[..., 0]
    alpha = np.dstack([smooth(20, 30), grey])
    deep = (grey.astype(np.uint16) << 8) + 77
    for file, slack in (
        (encoded(grey), 0),
        (encoded(alpha), 0),
        (encoded(deep), 0),
        # TensorFlow's decoder takes the fast cosine transform, Pillow the exact one
        (encoded(smooth(20, 30), form="JPEG"), 4),
    ):
        read = np.asarray(detect.read_image(file)).astype(int)
        assert np.abs(read - served.decode_image(file).numpy()).max() <= slack


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_in_training_and_its_boxes_back(orientation):
    exif, sink = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.fromarray(smooth(20, 30)).save(sink, "PNG", exif=exif)
    file = sink.getvalue()

    upright, found = served.decode_upright(file)
    np.testing.assert_array_equal(detect.read_image(file), upright)
    assert detect.exif_orientation(file) == found == orientation

    boxes = np.array([[1, 2, 8, 18], [0, 0, 5, 4]], np.float32)
    size = (upright.shape[1], upright.shape[0])
    expected = stored_boxes(tf.constant(boxes), found, tf.constant(size[::-1]))
    np.testing.assert_array_equal(detect.as_stored(boxes, orientation, size), expected)


def test_exif_alone_turns_a_picture():
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    for exif in (b"", b"Exif\0\0MM\0*\0", b"Exif\0\0no header"):
        sink = io.BytesIO()
        Image.fromarray(smooth(20, 30)).save(sink, "JPEG", xmp=xmp, exif=exif)
        file = sink.getvalue()
        assert served.decode_upright(file)[1] == 1
        assert detect.exif_orientation(file) == 1
        assert detect.read_image(file).size == (30, 20)


@pytest.mark.parametrize("class_agnostic", [False, True])
@pytest.mark.parametrize("score_from", [0.0, 0.05, 0.999])
def test_predictions_become_the_detections_of_the_keras_model(
    class_agnostic, score_from
):
    random = np.random.default_rng(3)
    corners = random.uniform(0, 60, (200, 2))
    anchors = np.hstack([corners, corners + random.uniform(8, 40, (200, 2))])
    anchors = anchors.astype(np.float32)
    logits = random.normal(-2, 2, (200, 3)).astype(np.float32)
    deltas = random.normal(0, 2, (200, 4)).astype(np.float32)
    config = CONFIG | {"class_agnostic_nms": class_agnostic, "score_from": score_from}
    boxes, scores, classes = detect.decode(logits, deltas, anchors, (64, 96), config)
    expected = decode_detections(
        {"class_logits": logits[None], "box_deltas": deltas[None]},
        anchors,
        (64, 96),
        config["box_variance"],
        DecodingConfig(
            score_from=score_from,
            nms_iou=0.5,
            pre_nms_top_k=60,
            max_detections=20,
            class_agnostic_nms=class_agnostic,
        ),
    )
    count = int(expected["num_detections"][0])
    assert len(scores) == count
    np.testing.assert_allclose(scores, expected["scores"][0, :count], atol=1e-6)
    np.testing.assert_array_equal(classes, expected["classes"][0, :count])
    np.testing.assert_allclose(boxes, expected["boxes"][0, :count], atol=1e-3)


def test_suppression_by_hand():
    # 0 and 1 overlap by 8 x 10 of 10 x 10 + 10 x 10 - 80: .667; 2 touches neither
    boxes = np.array([[0, 0, 10, 10], [2, 0, 12, 10], [20, 0, 30, 10]], np.float32)
    one_class, own_classes = np.array([0, 0, 0]), np.array([0, 1, 0])
    assert detect.nms(boxes, one_class, 0.5, 9).tolist() == [0, 2]
    assert detect.nms(boxes, one_class, 0.7, 9).tolist() == [0, 1, 2]
    assert detect.nms(boxes, own_classes, 0.5, 9).tolist() == [0, 1, 2]
    assert detect.nms(boxes, own_classes, 0.5, 2).tolist() == [0, 1]
    assert detect.nms(boxes[:0], one_class[:0], 0.5, 9).tolist() == []


def test_it_imports_nothing_of_ours():
    text = Path(detect.__file__).read_text("utf-8")
    for package in ("schemas", "trainer", "components", "pipeline", "tensorflow"):
        assert f"import {package}" not in text
        assert f"from {package}" not in text


def test_a_picture_that_is_broken_is_named_and_the_others_go_on(
    tmp_path, monkeypatch, capsys
):
    good, cut, none = (tmp_path / name for name in ("a.png", "b.png", "c.jpg"))
    good.write_bytes(encoded(smooth(20, 30)))
    cut.write_bytes(encoded(smooth(200, 300))[:-900])
    none.write_bytes(b"no picture")

    class Finder:
        class_names = ("dog",)

        def __init__(self, folder):
            pass

        def detect(self, picture):
            detect.read_image(picture)
            found = np.ones((1, 4)), np.ones(1), np.zeros(1, int)
            return dict(zip(("boxes", "scores", "classes"), found, strict=True))

    monkeypatch.setattr(detect, "Detector", Finder)
    paths = [str(path) for path in (cut, none, tmp_path / "absent.png", good)]
    assert detect.main(paths) == 1
    said = capsys.readouterr()
    assert [
        line.partition(" is no picture: ")[0] for line in said.err.splitlines()
    ] == (paths[:3])
    assert said.out.count("\n") == 1
    assert str(good) in said.out


def test_no_picture_or_no_runtime_is_one_line(monkeypatch, capsys):
    assert detect.main([]) == 2
    assert capsys.readouterr().err == "detect.py PICTURE ...: give at least one\n"

    def without(folder):
        raise ModuleNotFoundError(name="ai_edge_litert.interpreter")

    monkeypatch.setattr(detect, "Detector", without)
    assert detect.main(["a.jpg"]) == 2
    told = "ai-edge-litert is not installed: pip install ai-edge-litert\n"
    assert capsys.readouterr().err == told

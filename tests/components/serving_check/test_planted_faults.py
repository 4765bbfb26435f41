"""A real export, and some with faults planted, against the model's own detections."""

import dataclasses

import numpy as np
import pytest

from components.serving_check import asked_images, own_detections, probe
from components.serving_check.component import check
from components.serving_check.config import ServingCheckConfig
from components.serving_check.side_by_side import compare

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
CLASSES = ("ant", "bee", "cow")
OFF_PX = 60


@pytest.fixture(scope="module")
def detector():
    """An untrained model, whose prior of .3 makes it find something everywhere."""
    from pipeline import presets
    from trainer.model.build import build_without_weights

    model = presets.cpu_scratch().trainer.model
    model = dataclasses.replace(model, head=dataclasses.replace(model.head, prior=0.3))
    return build_without_weights(model, len(CLASSES)), (128, 128)


@pytest.fixture(scope="module")
def export(detector, tmp_path_factory):
    """Exports the detector; `unletterbox` stands in for the program's own."""
    from schemas.label_map import LabelMap
    from trainer.serving import saved_model

    def export(unletterbox=None):
        folder = tmp_path_factory.mktemp("exported")
        with pytest.MonkeyPatch.context() as patch:
            if unletterbox:
                patch.setattr(saved_model, "unletterbox_boxes", unletterbox)
            saved_model.export_model(*detector, LabelMap(CLASSES), str(folder))
        return folder

    return export


@pytest.fixture(scope="module")
def good(export):
    return export()


@pytest.fixture(scope="module")
def asked(good, tmp_path_factory):
    """The folder with the images and what the model itself finds in them."""
    import tensorflow as tf

    from schemas import tf_example
    from schemas.detection_example import DetectionExample
    from schemas.label_map import LabelMap

    records = []
    for number, (height, width) in enumerate(((300, 200), (120, 160), (300, 200))):
        pixels = np.random.default_rng(number).integers(0, 256, (height, width, 3))
        encoded = tf.io.encode_jpeg(pixels.astype(np.uint8)).numpy()
        example = DetectionExample(
            image_id=str(number),
            filename=f"{number}.jpg",
            source_path=f"{number}.jpg",
            encoded_image=encoded,
            image_format="jpeg",
            width=width,
            height=height,
            sha256="0",
        )
        records.append(tf_example.encode_example(example, LabelMap(CLASSES)))
    folder = str(tmp_path_factory.mktemp("asked"))
    images = asked_images.choose(records, 3)
    asked_images.write_asked(folder, images)
    found = own_detections.own_detections(str(good), [i.encoded for i in images])
    assert all(len(answer.scores) > 10 for answer in found)  # or nothing is compared
    asked_images.write_answers(folder, found)
    return folder


def test_a_faithful_export_answers_as_the_model_itself_does(good, asked):
    findings = probe.probe(str(good), asked)

    assert findings["problems"] == []
    assert findings["images"] == 5  # three, one in gray, one turned by EXIF
    assert findings["notes"] == [
        "a file that is no image fails the whole request, and its place is named"
    ]


def test_boxes_60_pixels_off_are_found(export, asked):
    from trainer.serving import saved_model

    right = saved_model.unletterbox_boxes

    def off(boxes, letterbox, image_shapes):
        return right(boxes + OFF_PX, letterbox, image_shapes)

    problems = probe.probe(str(export(off)), asked)["problems"]

    images = ("image 0", "image 1", "image 2", "a gray image", "an image turned")
    for image in images:
        assert any(text.startswith(image) for text in problems)
    assert all("of its own" in text for text in problems)


def test_other_classes_are_found(export, asked):
    folder = export()
    names = folder / "assets.extra" / "label_map.txt"
    names.write_text("bee\nant\ncow\n")
    found = own_detections.own_detections(
        str(folder), [image.encoded for image in asked_images.read_asked(asked)]
    )
    other = folder / "own"
    other.mkdir()
    asked_images.write_asked(str(other), asked_images.read_asked(asked))
    asked_images.write_answers(str(other), found)

    assert "of its own" in probe.probe(str(folder), str(other))["problems"][0]


def test_a_model_that_does_not_answer_in_time_is_told(good, tmp_path, write_examples):
    examples = write_examples(tmp_path / "images.gz", {"a": (40, 30, [])})

    findings = check(str(good), examples, ServingCheckConfig(timeout_s=1))

    assert findings["problems"] == ["the model does not load and answer within 1 s"]


def test_a_budget_that_is_exceeded_is_told(
    good, tmp_path, write_examples, save_one_box
):
    examples = write_examples(tmp_path / "images.gz", {"a": (40, 30, [])})
    served = save_one_box(tmp_path / "served")
    config = ServingCheckConfig(
        images=1,
        max_ms_per_image=0.001,
        max_memory_mib=1,
        max_size_mib=1000,
        max_ms_ratio=0.001,
        max_size_ratio=1.5,
    )

    findings = check(str(good), examples, config, served)

    slow, large, slower, larger = findings["problems"]
    assert "ms per image are over the budget of 0.001" in slow
    assert "MiB of memory are over the budget of 1 " in large
    assert "times its time per image are over the budget of 0.001" in slower
    assert "times its size are over the budget of 1.5" in larger
    size = sum(file.stat().st_size for file in good.rglob("*") if file.is_file())
    assert findings["size_mib"] == pytest.approx(size / 2**20, abs=0.006)
    by_rule = {one["rule"]: one["passed"] for one in findings["budgets"]}
    assert by_rule["size of the export"]


def test_two_models_are_asked_in_turns(good, asked, tmp_path, save_one_box):
    """A detector of one box looks at no pixel: the real one takes many times longer."""
    images = [image.encoded for image in asked_images.read_asked(asked)]
    tiny = save_one_box(tmp_path / "tiny")

    alike = compare(str(good), str(good), images)
    slower = compare(str(good), tiny, images)
    faster = compare(tiny, str(good), images)

    assert alike["ms_ratio"] == pytest.approx(1, abs=0.3)
    assert slower["ms_ratio"] > 2
    assert faster["ms_ratio"] < 0.5
    assert slower["ms"] / slower["served_ms"] == pytest.approx(
        slower["ms_ratio"], rel=0.05
    )

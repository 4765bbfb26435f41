import numpy as np
import pytest

from components.baseline.push_record import JUDGED_FILE
from components.evaluator.image_columns import ImageColumns, unknown_facts
from components.evaluator.judged_images import JudgedImages
from pipeline.evaluation.examples import examples_of
from pipeline.export.pictures import pictures_of
from schemas.label_map import LabelMap
from schemas.user_error import UserError


@pytest.fixture
def root(tmp_path, write_examples):
    """Two ingests of other data, and what lies in a retraining's root."""

    def make(*stages):
        for number, (stage, ids) in enumerate(stages):
            folder = tmp_path / f"root/{stage}/examples/{number + 9}"
            (folder / "Split-eval").mkdir(parents=True)
            whole = (48, 32, [(0, 0, 48, 32)])
            images = dict.fromkeys(ids, whole)
            write_examples(folder / "Split-eval/shard.gz", images)
            LabelMap(("dog",)).to_file(folder / "label_map.txt")
        return tmp_path / "root"

    return make


def served(root, judged_on):
    """The folder of a version, with the images that it was judged on, if any."""
    folder = root / "served" / "7"
    (folder / JUDGED_FILE).parent.mkdir(parents=True)
    none, boxes = np.zeros(0, np.int64), np.zeros((0, 4))
    columns = ImageColumns(
        image_ids=np.array(list(judged_on), np.str_),
        gt_image=none,
        gt_boxes=boxes,
        gt_classes=none,
        gt_difficult=np.zeros(0, bool),
        image=none,
        boxes=boxes,
        classes=none,
        scores=np.zeros(0, np.float32),
        **unknown_facts(len(judged_on)),
    )
    judged = JudgedImages("eval", ("dog",), "plain", columns)
    (folder / JUDGED_FILE).write_bytes(judged.to_bytes())
    return str(folder)


def test_pictures_are_those_that_the_model_was_judged_on(root):
    root = root(("VocExampleGen", "ab"), ("VocExampleGen", "cd"))
    model = served(root, "ab")
    for data in ("", str(root)):
        found = pictures_of(data, "", model)
        assert found.folder.name == "9"
        assert [example.image_id for example in found.examples] == ["a", "b"]
        assert found.difficult == "plain"
    assert str(found).startswith("judged on eval: 2 images, 2 objects of ")


def test_a_root_without_these_is_refused_and_taken_if_it_is_named(root):
    root = root(("VocExampleGen", "ab"), ("VocExampleGen", "cd"))
    model = served(root, "ac")
    with pytest.raises(UserError, match="no longer holds the pictures"):
        pictures_of("", "", model)
    assert pictures_of(str(root), "", model).folder.name == "10"


def test_the_root_of_a_retraining_has_a_window_or_a_span(root, tmp_path):
    root = root(("VocExampleGen-7", "ab"), ("VocExampleGen-8", "cd"))
    assert pictures_of("", "", served(root, "cd")).folder.parts[-3] == "VocExampleGen-8"
    assert "VocExampleGen-8" in examples_of(str(root), "", str(tmp_path)).file_pattern


def test_a_window_is_newer_than_its_spans(root, tmp_path):
    root = root(("VocExampleGen-7", "ab"), ("SpanWindow", "abcd"))
    found = pictures_of("", "", served(root, "abcd"))
    assert found.folder.parts[-3:] == ("SpanWindow", "examples", "10")
    assert "SpanWindow" in examples_of(str(root), "", str(tmp_path)).file_pattern

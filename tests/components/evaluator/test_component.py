import dataclasses

import pytest
import tensorflow as tf

from schemas.label_map import LabelMap
from schemas.tf_example import decode_example, encode_example
from schemas.user_error import UserError

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

# The detector's one box is the whole image, score .5. Ground truth: the whole image
# (IoU 1) in `a`, its left half (IoU .5) in `b`; equal scores rank by image id.
# At IoU .5 both are hits: AP50 = 1. At .55 and up the second is a miss: precision 1 up
# to recall .5, which 51 of the 101 recall points reach: 51/101.
IMAGES = {"a": (40, 30, [[0, 0, 40, 30]]), "b": (40, 30, [[0, 0, 20, 30]])}
AP = (1 + 9 * 51 / 101) / 10


@pytest.fixture
def judge(stages):
    """Runs the stage for a candidate and, if any, a baseline of the given edges."""

    def run(candidate, baseline, gate):
        stages.write_examples(IMAGES)
        judged = stages.evaluate(
            stages.model("candidate", edge=candidate),
            stages.baseline_model(edge=baseline),
            gate,
        )
        return judged.metrics["eval"], judged.verdict, judged.files, judged.blessing

    return run


def test_a_first_model_is_measured_exactly_and_blessed(judge):
    # Of no brightness, as the examples say; the sides are sqrt(600) and sqrt(1200).
    slices = [
        {"name": "dark dogs", "class_name": "dog", "brightness": [0, 0.1]},
        {"name": "large dogs", "object_side": [30, 100], "image_side": [34, 35]},
    ]
    bounds = {"min_map": 0.55, "min_objects": 1}
    metrics, verdict, files, blessing = judge(
        1.0, None, {"min_ap50": 1.0, "slices": [part | bounds for part in slices]}
    )

    assert verdict["reasons"][-2:] == [
        f"mAP of 'dark dogs' (2 objects) {AP:.4f} reaches the threshold 0.5500",
        "mAP of 'large dogs' (1 object) 1.0000 reaches the threshold 0.5500",
    ]
    assert metrics["candidate"]["AP50"] == pytest.approx(1, abs=1e-9)
    assert metrics["candidate"]["AP"] == pytest.approx(AP, abs=1e-9)
    assert metrics["candidate"]["AP50/dog"] == pytest.approx(1, abs=1e-9)
    assert set(metrics) == {"candidate"}
    assert verdict["blessed"]
    assert files == {"BLESSED", "verdict.json"}
    assert blessing.get_int_custom_property("blessed") == 1


def test_a_model_worse_than_the_served_one_is_refused(judge):
    metrics, verdict, files, blessing = judge(0.25, 1.0, {"min_map": 0.0})

    # A quarter of each side: IoU 1/16 in `a`, 1/8 in `b`, no hit.
    assert metrics["candidate"]["AP"] == 0
    assert metrics["baseline"]["AP"] == pytest.approx(AP, abs=1e-9)
    assert not verdict["blessed"]
    assert verdict["compared"] == "worse"
    assert "is worse than the served model's 0.5545" in verdict["reasons"][-1]
    assert files == {"NOT_BLESSED", "verdict.json"}
    assert blessing.get_int_custom_property("blessed") == 0


def test_the_gate_judges_on_test_where_there_is_one(stages):
    # The detector's box is the whole image: a miss on eval, a hit on test.
    stages.write_examples({"a": (40, 30, [[0, 0, 10, 10]])}, split="eval")
    stages.write_examples({"b": (40, 30, [[0, 0, 40, 30]])}, split="test")
    model, nothing = stages.model("candidate"), stages.baseline_model()

    judged = stages.evaluate(model, nothing, {"min_map": 1.0})

    assert judged.metrics["eval"]["candidate"]["AP"] == 0
    assert judged.verdict["split"] == "test"
    assert judged.verdict["blessed"]
    on_eval = stages.evaluate(model, nothing, {"min_map": 1.0, "split": "eval"})
    assert not on_eval.verdict["blessed"]
    assert on_eval.verdict["reasons"][0] == (
        "judged on eval, which also chose the checkpoint: 1 image, 1 object"
    )


def test_the_threshold_with_the_best_f1_is_kept(stages):
    # One detection of score .5 an image: kept, F1 = 2 hits / (2 + 2) = 1.
    stages.write_examples(IMAGES)

    judged = stages.evaluate(
        stages.model("candidate"), stages.baseline_model(), {"min_map": 0.0}
    )

    assert judged.thresholds == {
        "split": "eval",
        "overall": 0.5,
        "by_class": {"dog": 0.5},
    }


def test_an_image_that_does_not_decode_is_named_in_one_line(stages):
    stages.write_examples(IMAGES)
    stages.write_examples({"c": (40, 30, [])}, split="test")
    path = stages.folder / "examples" / "Split-test" / "i.gz"
    (record,) = tf.data.TFRecordDataset(str(path), "GZIP").as_numpy_iterator()
    example = decode_example(record)
    cut = dataclasses.replace(example, encoded_image=example.encoded_image[:-12])
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        writer.write(encode_example(cut, LabelMap(("dog",))))

    model, nothing = stages.model("candidate"), stages.baseline_model()
    with pytest.raises(UserError) as caught:
        stages.evaluate(model, nothing, {"min_map": 0.0})

    message = str(caught.value)
    assert message.startswith("image 'c' in ")
    assert "Split-test/i.gz does not decode (Invalid PNG data" in message
    assert "\n" not in message

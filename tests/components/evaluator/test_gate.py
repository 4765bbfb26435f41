import math

import numpy as np
import pytest

from components.evaluator.config import GateConfig
from components.evaluator.gate import decide
from components.evaluator.judgement import Evidence

GOOD = {"AP": 0.5, "AP50": 0.8}
CLASSES = ("cat", "dog")
JUDGED_ON = "judged on test: 10 images, 30 objects"


def judge(candidate=GOOD, baseline=None, config=None, **evidence):
    """A verdict; where a baseline is given, every resample has the very difference."""
    config = {"min_map": 0.0} if config is None else config
    known = {
        "split": "test",
        "images": 10,
        "objects": dict.fromkeys(CLASSES, 15),
        "detections": 40,
    }
    if baseline and not {candidate["AP"], baseline["AP"]} & {None}:
        known["changes"] = np.full(1000, candidate["AP"] - baseline["AP"])
    return decide(
        GateConfig(**config),
        Evidence(candidate=candidate, baseline=baseline, **(known | evidence)),
    )


def test_a_candidate_above_every_threshold_is_blessed_with_a_reason_per_rule():
    verdict = judge(config={"min_map": 0.4, "min_ap50": 0.7})

    assert verdict.blessed
    assert verdict.reasons == (
        JUDGED_ON,
        "mAP 0.5000 reaches the threshold 0.4000",
        "AP50 0.8000 reaches the threshold 0.7000",
        "no model serves yet, so there is nothing to compare with",
    )
    assert verdict.compared == ""


def test_every_reason_has_its_rule_value_and_bound_for_a_table():
    verdict = judge(config={"min_map": 0.6})

    table = [(o.rule, o.value, o.bound, o.passed) for o in verdict.outcomes]
    assert table == [
        ("test was measured", "10 images, 30 objects", "some", True),
        ("mAP", "0.5000", "0.6000", False),
        ("mAP against the served model", "no model serves", "", True),
    ]
    assert [outcome.reason for outcome in verdict.outcomes] == list(verdict.reasons)


def test_a_candidate_exactly_at_the_threshold_is_blessed():
    assert judge(config={"min_ap50": 0.8}).blessed


def test_a_perfect_model_reaches_a_bound_of_one():
    # COCO's precision of n hits is n / (n + 2.2e-16), and its mean is rounded.
    perfect = {"AP": 1 - 2.3e-16, "AP50": 1 - 1.2e-16}
    verdict = judge(perfect, config={"min_map": 1.0, "min_ap50": 1.0})

    assert perfect["AP"] < 1
    assert verdict.blessed
    assert verdict.reasons[1] == "mAP 1.0000 reaches the threshold 1.0000"
    assert not judge({"AP": 1 - 2e-9, "AP50": 1}, config={"min_map": 1.0}).blessed


@pytest.mark.parametrize("config", [{"min_map": 0.51}, {"min_ap50": 0.81}])
def test_one_threshold_missed_is_enough_to_refuse(config):
    verdict = judge(config={"min_map": 0.0, **config})

    assert not verdict.blessed
    assert any("is below the threshold" in reason for reason in verdict.reasons)


def test_a_number_just_below_its_threshold_does_not_look_equal_to_it():
    verdict = judge({"AP": 0.68279, "AP50": 0.9}, config={"min_map": 0.6828})

    assert verdict.reasons[1] == "mAP 0.68279 is below the threshold 0.68280"


def test_a_candidate_worse_in_every_resample_is_refused_with_the_whole_reckoning():
    verdict = judge(baseline={"AP": 0.5001, "AP50": 0.1})

    assert not verdict.blessed
    assert verdict.compared == "worse"
    assert verdict.reasons[-1] == (
        "mAP 0.5000 is worse than the served model's 0.5001: -0.0001 (95% interval "
        "-0.0001 to -0.0001), worse with probability 1.000 (refused from 0.9)"
    )


def noisy(worse, better):
    """1,000 resamples: so many fall by .02, so many rise by .01, the rest is equal."""
    same = 1000 - worse - better
    return np.repeat([-0.02, 0.01, 0.0], [worse, better, same])


@pytest.mark.parametrize(
    ("worse", "better", "compared"),
    [
        (900, 100, "worse"),  # exactly at worse_probability
        (899, 101, "equal within noise"),
        (0, 0, "equal within noise"),
        (101, 899, "equal within noise"),
        (100, 900, "better"),
    ],
)
def test_the_outcome_is_what_nine_in_ten_resamples_say(worse, better, compared):
    verdict = judge(baseline=GOOD, changes=noisy(worse, better))

    assert verdict.compared == compared
    assert verdict.blessed == (compared != "worse")


def test_the_config_says_whether_an_equal_model_is_pushed():
    config = {"min_map": 0.0, "push_equal": False}
    equal = judge(baseline=GOOD, config=config, changes=noisy(500, 500))
    better = judge(baseline=GOOD, config=config, changes=noisy(0, 1000))

    assert not equal.blessed
    assert equal.reasons[-1].endswith("; gate.push_equal is false")
    assert better.blessed


def test_a_candidate_equal_to_the_served_model_is_blessed():
    assert judge(baseline=GOOD).blessed


@pytest.mark.parametrize(
    ("served", "own", "drop"), [(0.75, 0.5, 0.25), (0.8, 0.7, 0.1), (0.3, 0.2, 0.1)]
)
def test_an_allowed_drop_is_allowed_up_to_its_edge_in_decimal(served, own, drop):
    config = {"min_map": 0.1, "max_map_drop": drop}
    own = {"AP": own, "AP50": 1.0}

    assert judge(own, {"AP": served}, config).blessed
    assert not judge(own, {"AP": served + 0.001}, config).blessed


@pytest.mark.parametrize("metric", ["AP", "AP50"])
@pytest.mark.parametrize("value", [math.nan, None, -1.0, math.inf])
def test_a_metric_that_is_no_number_is_never_blessed(metric, value):
    config = {"min_map": 0.0, "min_ap50": 0.0}

    assert not judge(GOOD | {metric: value}, config=config).blessed


def test_a_candidate_without_a_number_loses_against_a_served_model():
    own = {"AP": math.nan, "AP50": 0.9}

    assert not judge(own, GOOD, {"min_ap50": 0.0}).blessed


@pytest.mark.parametrize("value", [math.nan, None, -1.0])
def test_a_served_model_without_a_number_blesses_nobody(value):
    verdict = judge(baseline={"AP": value, "AP50": 0.0})

    assert not verdict.blessed
    assert "nothing to compare with" in verdict.reasons[-1]


def test_a_class_that_the_served_model_knows_may_not_vanish():
    knows = {"objects": {"dog": 30}, "served_classes": CLASSES}
    verdict = judge(baseline=GOOD, **knows)

    assert not verdict.blessed
    assert "knows cat, which this one would lose" in verdict.reasons[2]
    allowed = {"min_map": 0.0, "allow_lost_classes": ("cat",)}
    assert judge(baseline=GOOD, config=allowed, **knows).blessed


def test_a_class_that_is_new_is_welcome():
    assert judge(baseline=GOOD, served_classes=("dog",)).blessed


def test_a_class_without_objects_is_refused_since_nothing_shows_it():
    verdict = judge(objects={"cat": 0, "dog": 30})

    assert not verdict.blessed
    assert "test holds fewer than 1 object of cat" in verdict.reasons[1]
    any_number = {"min_map": 0.0, "min_class_objects": 0}
    assert judge(objects={"cat": 0, "dog": 30}, config=any_number).blessed


def test_no_images_and_no_objects_bless_nobody():
    config = {"min_map": 0.0, "min_class_objects": 0}

    assert not judge(config=config, images=0, objects={"dog": 0}).blessed
    assert not judge(config=config, objects={"dog": 0}).blessed


def test_a_model_that_detects_nothing_is_refused_whatever_the_bound():
    verdict = judge({"AP": 0.0, "AP50": 0.0}, detections=0)

    assert not verdict.blessed
    assert "nothing was detected on test" in verdict.reasons
    config = {"min_map": 0.0, "allow_no_detections": True}
    assert judge({"AP": 0.0, "AP50": 0.0}, config=config, detections=0).blessed


def test_the_verdict_says_that_eval_also_chose_the_checkpoint():
    verdict = judge(split="eval")

    assert verdict.split == "eval"
    assert verdict.reasons[0] == (
        "judged on eval, which also chose the checkpoint: 10 images, 30 objects"
    )


def test_one_image_is_told_as_one():
    verdict = judge(
        images=1,
        objects={"dog": 1, "cat": 0},
        config={"min_map": 0, "min_class_objects": 1},
    )

    assert verdict.reasons[0] == "judged on test: 1 image, 1 object"
    assert verdict.reasons[1].startswith("test holds fewer than 1 object of cat: ")


def falling(drop, share):
    """1,000 resamples of which a share falls by `drop`; the others do not change."""
    worse = round(1000 * share)
    return np.repeat([-drop, 0.0], [worse, 1000 - worse])


@pytest.mark.parametrize(
    ("objects", "changes", "blessed"),
    [
        (20, falling(0.11, 0.9), False),
        (20, falling(0.1, 0.9), True),  # allowed up to its edge
        (20, falling(0.11, 0.89), True),  # not sure enough
        (19, falling(0.11, 0.9), True),  # too few objects to tell
    ],
)
def test_a_class_may_not_fall_far_behind_a_mean_that_holds(objects, changes, blessed):
    verdict = judge(
        GOOD | {"AP/cat": 0.4, "AP/dog": 0.6},
        GOOD | {"AP/cat": 0.51, "AP/dog": 0.49},
        objects={"cat": objects, "dog": 30},
        class_changes={"cat": changes, "dog": np.full(1000, 0.11)},
    )

    assert verdict.blessed == blessed
    if not blessed:
        assert verdict.reasons[-1] == (
            "AP of cat fell from 0.5100 to 0.4000 (95% interval -0.1100 to +0.0000): "
            "by more than 0.1 with probability 0.900"
        )


def test_a_model_whose_weights_are_no_numbers_is_refused_whatever_its_map():
    verdict = judge(broken_variables=["head/kernel"])

    assert not verdict.blessed
    assert verdict.reasons[0] == (
        "1 variables hold NaN or infinity, such as head/kernel"
    )

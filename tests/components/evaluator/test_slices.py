"""What is found in a slice, and what the gate makes of it."""

import json

import numpy as np
import pytest

from components.evaluator.coco_combine import ScoredImage
from components.evaluator.config import GateConfig, SliceFloor
from components.evaluator.gate import decide
from components.evaluator.image_columns import ImageColumns
from components.evaluator.judgement import Evidence, SliceEvidence
from components.evaluator.slices import slice_evidence
from schemas.config_json import from_json, to_json
from schemas.user_error import UserError
from trainer.metrics.bootstrap import draw_images

CLASSES = ("cat", "dog")
SMALL, LARGE = (10, 10, 20, 20), (50, 50, 150, 150)  # sides of 10 and 100 px
ELSEWHERE = (300, 300, 310, 310)


def image(image_id, objects, found, side=400, brightness=0.5):
    """Objects (box, class) and detections (box, class, score) of a square image."""
    return ScoredImage(
        image_id=image_id,
        gt_boxes=np.array([box for box, _ in objects], float).reshape(-1, 4),
        gt_classes=np.array([number for _, number in objects], int),
        gt_difficult=np.zeros(len(objects), bool),
        boxes=np.array([box for box, _, _ in found], float).reshape(-1, 4),
        classes=np.array([number for _, number, _ in found], int),
        scores=np.array([score for _, _, score in found], np.float32),
        width=side,
        height=side,
        brightness=brightness,
    )


# The cat is small and found in the dark, the dog large and missed in the light.
SPLIT = ImageColumns.of_images(
    [
        image("a", [(SMALL, 0)], [(SMALL, 0, 0.9)], side=200, brightness=0.1),
        image("b", [(LARGE, 1)], [(ELSEWHERE, 1, 0.8)], brightness=0.7),
    ]
)


def measured(floor, candidate=SPLIT, baseline=None, weights=None):
    none = np.zeros((0, len(candidate.image_ids)), np.int32)
    return slice_evidence(
        SliceFloor(name="some", min_map=0.5, **floor),
        candidate,
        baseline,
        class_names=CLASSES,
        difficult="ignore",
        weights=none if weights is None else weights,
    )


@pytest.mark.parametrize(
    ("floor", "objects", "mean_ap"),
    [
        ({"class_name": "cat"}, 1, 1.0),
        ({"class_name": "dog"}, 1, 0.0),
        ({"brightness": (0.0, 0.25)}, 1, 1.0),
        ({"brightness": (0.25, 1.0)}, 1, 0.0),
        ({"brightness": (0.0, 1.0)}, 2, 0.5),
        ({"image_side": (0.0, 200.0)}, 1, 1.0),  # both ends inside
        ({"image_side": (201.0, 400.0)}, 1, 0.0),
        ({"object_side": (0.0, 32.0)}, 1, 1.0),
        ({"object_side": (32.0, 1e5)}, 1, 0.0),
        ({"class_name": "cat", "brightness": (0.5, 1.0)}, 0, None),
        ({"class_name": "cow"}, 0, None),
    ],
)
def test_a_slice_is_measured_by_itself(floor, objects, mean_ap):
    found = measured(floor)
    assert found.objects == objects
    assert found.candidate == (None if mean_ap is None else pytest.approx(mean_ap))


def test_an_image_of_unknown_brightness_is_in_no_slice_of_it():
    unknown = ImageColumns.of_images(
        [image("a", [(SMALL, 0)], [], brightness=float("nan"))]
    )
    assert measured({"brightness": (0.0, 1.0)}, unknown).objects == 0


def test_changes_are_of_both_models_on_the_same_images():
    missing = ImageColumns.of_images(
        [
            image("a", [(SMALL, 0)], [], side=200, brightness=0.1),
            image("b", [(LARGE, 1)], [], brightness=0.7),
        ]
    )
    weights = draw_images(2, resamples=50, seed=0)
    dark = measured({"brightness": (0.0, 0.25)}, missing, SPLIT, weights)

    # Found by the one, missed by the other, whenever the dark image is drawn at all.
    drawn = int((weights[:, 0] > 0).sum())
    assert (dark.candidate, dark.served) == pytest.approx((0, 1))
    assert dark.changes == pytest.approx([-1.0] * drawn)
    assert 0 < drawn < 50


def test_a_model_that_gave_nan_has_no_number_in_any_slice():
    broken = ImageColumns.of_images(
        [image("a", [(SMALL, 0)], [(SMALL, 0, np.nan)], brightness=0.1)]
    )
    found = measured({"class_name": "cat"}, broken)
    assert (found.objects, found.candidate) == (1, None)


def outcomes(part, **config):
    """What the rule says; of a candidate that is fine but for the slice."""
    verdict = decide(
        GateConfig(min_map=0.0, slices=(part.floor,), **config),
        Evidence(
            split="test",
            images=10,
            objects={"cat": 30},
            detections=40,
            candidate={"AP": 0.5},
            baseline={"AP": 0.5},
            changes=np.zeros(1000),
            slices=[part],
        ),
    )
    return verdict, verdict.outcomes[3:]


def dark(changes=(), objects=40, candidate=0.3, served=0.4, name="dark", **bounds):
    floor = SliceFloor(name=name, brightness=(0.0, 0.25), **bounds)
    return SliceEvidence(
        floor=floor,
        objects=objects,
        candidate=candidate,
        served=served,
        changes=changes,
    )


def test_a_slice_at_its_floor_passes_and_one_below_is_refused():
    verdict, (outcome,) = outcomes(dark(min_map=0.3))
    assert verdict.blessed
    assert outcome.rule == "mAP of dark (40 objects)"
    verdict, (outcome,) = outcomes(dark(min_map=0.31))
    assert not verdict.blessed
    assert outcome.reason == (
        "mAP of dark (40 objects) 0.3000 is below the threshold 0.3100"
    )
    assert (outcome.value, outcome.bound) == ("0.3000", "0.3100")


def test_a_slice_that_surely_fell_is_refused_and_one_that_may_have_is_not():
    fell = np.full(1000, -0.1)
    fell[:50] = 0.0  # by more than .05 in 950 of 1000
    verdict, (outcome,) = outcomes(dark(fell, max_drop=0.05))
    assert not verdict.blessed
    assert outcome.rule == "mAP of dark against the served model"
    assert outcome.reason == (
        "mAP of dark went from 0.4000 to 0.3000 (95% interval -0.1000 to +0.0000): "
        "worse by more than 0.05 with probability 0.950"
    )
    assert outcome.value.startswith("-0.1000 (95% interval")
    verdict, _ = outcomes(dark(fell, max_drop=0.05), worse_probability=0.96)
    assert verdict.blessed


@pytest.mark.parametrize("bounds", [{"min_map": 0.9}, {"max_drop": 0.0}])
def test_too_few_objects_are_not_judged_and_none_bless_nothing(bounds):
    fell = np.full(1000, -0.4)
    verdict, (outcome,) = outcomes(dark(fell, objects=19, **bounds))
    assert verdict.blessed
    assert outcome.reason == (
        "the slice dark is not judged: 19 objects are fewer than its min_objects, 20"
    )
    verdict, (outcome,) = outcomes(dark(objects=0, candidate=None, **bounds))
    assert not verdict.blessed
    assert "test holds no object of the slice dark" in outcome.reason


@pytest.mark.parametrize("part", [{"candidate": None}, {"served": None}])
def test_no_number_in_a_slice_blesses_nothing(part):
    verdict, (outcome,) = outcomes(dark(max_drop=0.05, **part))
    assert not verdict.blessed
    assert outcome.value == "no number"


def test_a_slice_that_has_no_served_model_to_compare_with_keeps_its_floor_alone():
    floor = SliceFloor(name="dark", brightness=(0, 0.25), max_drop=0.1, min_map=0.2)
    verdict = decide(
        GateConfig(min_map=0.0, slices=(floor,)),
        Evidence(
            split="test",
            images=10,
            objects={"cat": 30},
            detections=40,
            candidate={"AP": 0.5},
            slices=[SliceEvidence(floor=floor, objects=40, candidate=0.3)],
        ),
    )
    assert verdict.blessed
    assert verdict.outcomes[-1].rule == "mAP of dark (40 objects)"


def test_a_name_of_several_words_is_told_apart_from_the_sentence():
    name = "in the dark"
    part = dark(np.full(1000, -0.1), name=name, min_map=0.2, max_drop=0.5)
    _, (least, drop) = outcomes(part)
    assert least.rule == "mAP of 'in the dark' (40 objects)"
    assert drop.rule == "mAP of 'in the dark' against the served model"
    assert drop.reason.startswith("mAP of 'in the dark' went from 0.4000")
    _, (few,) = outcomes(dark(objects=1, name=name, min_map=0.2))
    assert few.reason == (
        "the slice 'in the dark' is not judged: 1 object is fewer than its "
        "min_objects, 20"
    )
    _, (none,) = outcomes(dark(objects=0, name=name, min_map=0.2))
    assert "holds no object of the slice 'in the dark': nothing" in none.reason


@pytest.mark.parametrize(
    ("floor", "message"),
    [
        ({"name": "x", "min_map": 0.5}, "is all objects: set class_name or one of"),
        ({"name": "x", "class_name": "dog"}, "has no bound: set min_map or max_drop"),
        (
            {"name": "x", "brightnes": [0, 1], "min_map": 0.5},
            "has no field 'brightnes' (did you mean 'brightness'?); its fields: name",
        ),
        ({"name": "x", "brightness": [0.5, 0.2], "min_map": 0.5}, "ascending"),
        ({"name": "x", "brightness": [0, 25], "min_map": 0.5}, "brightness <= 1"),
        ({"name": " ", "class_name": "dog", "min_map": 0.5}, "need a name"),
        ({"name": "x", "class_name": "dog", "min_map": 5}, "0 <= min_map <= 1"),
        (
            {"name": "x", "class_name": "dog", "min_map": 0.5, "min_objects": 0},
            "min_objects >= 1",
        ),
    ],
)
def test_a_wrong_slice_is_refused_by_name(floor, message):
    text = json.dumps({"min_map": 0.1, "slices": [floor]})
    with pytest.raises(UserError) as caught:
        from_json(GateConfig, text, "gate")
    assert "gate.slices[0]" in str(caught.value)
    assert message in str(caught.value)


def test_slices_survive_their_way_through_json_and_have_names_of_their_own():
    floor = SliceFloor(name="dark", brightness=(0.0, 0.25), min_map=0.2)
    config = GateConfig(min_map=0.1, slices=(floor,))
    assert from_json(GateConfig, to_json(config), "gate") == config
    with pytest.raises(ValueError, match="two slices are named 'dark'"):
        GateConfig(min_map=0.1, slices=(floor, floor))

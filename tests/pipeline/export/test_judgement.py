"""What an export loses, by hand."""

import dataclasses

import numpy as np
import pytest

from components.evaluator.coco_combine import ScoredImage
from components.evaluator.image_columns import ImageColumns
from pipeline.export.bounds import Bounds
from pipeline.export.judgement import Judgement, judge, losses_over

NAMES = ("ant", "bee")
TRUTH = np.array([[0, 0, 40, 40], [50, 50, 90, 90]])


def columns(boxes, scores, classes=(0, 1)):
    return ImageColumns.of_images(
        [
            ScoredImage(
                image_id="a",
                gt_boxes=TRUTH,
                gt_classes=np.array([0, 1]),
                gt_difficult=np.zeros(2, bool),
                boxes=np.array(boxes, float).reshape(-1, 4),
                classes=np.array(classes, int),
                scores=np.array(scores, np.float32),
            )
        ]
    )


SERVED = columns(TRUTH, [0.75, 0.5])


def test_the_served_model_does_not_differ_from_itself():
    judged = judge(SERVED, SERVED, NAMES)
    assert judged.mean_ap == pytest.approx(1.0)
    assert judged.ap50_by_class == pytest.approx({"ant": 1.0, "bee": 1.0})
    # both are hits: the lowest score has the best F1
    assert judged.threshold == 0.5
    assert (judged.above, judged.shift, judged.fallen) == (2, 0.0, 0)
    assert losses_over(judged, judged, Bounds(0.0, 0.0)) == []


def test_shrunken_scores_are_told_though_nothing_else_is_lost():
    judged = judge(columns(TRUTH, [0.625, 0.25]), SERVED, NAMES)
    assert judged.mean_ap == pytest.approx(1.0)
    # .625 - .75 and .25 - .5, halved; .25 is below .5
    assert judged.shift == pytest.approx(-0.1875)
    assert judged.fallen == 1


def test_what_is_not_found_has_fallen():
    judged = judge(columns(TRUTH[:1], [0.75], [0]), SERVED, NAMES)
    assert judged.ap50_by_class == pytest.approx({"ant": 1.0, "bee": 0.0})
    assert judged.mean_ap == pytest.approx(0.5)
    assert (judged.above, judged.shift, judged.fallen) == (2, 0.0, 1)
    nothing = judge(columns([], [], []), SERVED, NAMES)
    assert (nothing.mean_ap, nothing.shift, nothing.fallen) == (0.0, None, 2)


def test_a_loss_over_a_bound_is_a_reason_and_one_at_it_is_not():
    before = Judgement(0.8, 0.9, {"ant": 0.9, "bee": -1.0}, 0.5, 2, 0.0, 0)
    after = dataclasses.replace(
        before, mean_ap=0.79, ap50_by_class={"ant": 0.85, "bee": -1.0}
    )
    assert losses_over(after, before, Bounds(0.01, 0.05)) == []
    assert losses_over(after, before, Bounds(0.0099, 0.0499)) == [
        "mAP falls from 0.8000 to 0.7900, by more than 0.0099",
        "AP50 of ant falls from 0.9000 to 0.8500, by more than 0.0499",
    ]


def test_numbers_that_are_none_are_a_reason():
    broken = judge(columns(TRUTH, [np.nan, 0.5]), SERVED, NAMES)
    assert broken.mean_ap is None
    served = judge(SERVED, SERVED, NAMES)
    reasons = losses_over(broken, served, Bounds())
    assert reasons == ["a box or a score is NaN or infinite"]

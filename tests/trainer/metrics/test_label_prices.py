import dataclasses

import numpy as np
import pytest

from trainer.metrics import coco_summary
from trainer.metrics.box_columns import Detections, GroundTruths
from trainer.metrics.label_prices import NEW, box_iou, mended, priced_labels

CAT, DOG = 0, 1
PLACE, LOOSE, FAR = (0, 0, 40, 40), (16, 0, 40, 40), (200, 200, 40, 40)


def truths(*rows):
    """Rows of image, class, box."""
    image, classes, boxes = zip(*rows, strict=True)
    return GroundTruths(np.array(image), np.array(classes), np.array(boxes))


def detections(*rows):
    image, classes, boxes, scores = zip(*rows, strict=True)
    return Detections(*map(np.array, (image, classes, boxes, scores)))


def prices(truth, found):
    return priced_labels(truth, found, num_classes=2)


def ap(truth, found, images=6):
    """Of everything, by the metric itself."""
    summary = coco_summary(
        truth, found, image_ids=np.arange(images), class_names=["cat", "dog"]
    )
    return summary.metrics["AP"]


# Images 0 and 1 are right. In 2 a dog is overlooked, in 3 a dog is called a cat, in 4 a
# dog's box is off (IoU 24 / 56 = .43), in 5 a dog is drawn twice.
TRUTH = truths(
    (0, DOG, PLACE),
    (1, CAT, PLACE),
    (3, CAT, PLACE),
    (4, DOG, LOOSE),
    (5, DOG, PLACE),
    (5, DOG, (1, 1, 40, 40)),
)
FOUND = detections(
    (0, DOG, PLACE, 0.9),
    (1, CAT, PLACE, 0.9),
    (2, DOG, FAR, 0.8),
    (3, DOG, PLACE, 0.85),
    (3, CAT, PLACE, 0.05),  # no evidence that it is a cat
    (4, DOG, PLACE, 0.7),
    (5, DOG, PLACE, 0.95),
    (1, CAT, FAR, 0.1),  # below what is evidence
)


def test_each_kind_of_error_is_found_where_it_is():
    told = {
        one.image: (one.kind, one.ground_truth, one.class_id, one.box_xywh)
        for one in prices(TRUTH, FOUND)
    }
    assert told == {
        2: ("overlooked", NEW, DOG, FAR),
        3: ("class", 2, DOG, PLACE),
        4: ("box", 3, DOG, PLACE),
        5: ("duplicate", 5, DOG, (1, 1, 40, 40)),
    }


def test_a_price_is_what_the_metric_itself_gains():
    now = ap(TRUTH, FOUND)
    found = prices(TRUTH, FOUND)
    assert len(found) == 4
    for one in found:
        gained = ap(mended(TRUTH, [one]), FOUND) - now
        assert one.price == pytest.approx(gained, abs=1e-12)
        assert one.price > 0


def test_a_price_by_hand():
    # One dog of two is found by .9; .8 is on nothing. AP now: precision 1 to recall .5,
    # 51 of 101. Annotated, .8 finds a third: 2 of 3 recalls at 1, 67 of 101.
    truth = truths((0, DOG, PLACE), (1, DOG, PLACE))
    found = detections((0, DOG, PLACE, 0.9), (2, DOG, FAR, 0.8))
    (one,) = prices(truth, found)
    assert one.price == pytest.approx((67 - 51) / 101, abs=1e-9)
    assert one.sureness == 0.8


def test_the_order_is_price_times_sureness():
    worth = [one.price * one.sureness for one in prices(TRUTH, FOUND)]
    assert worth == sorted(worth, reverse=True)


def test_all_mended_nothing_is_left():
    better = mended(TRUTH, prices(TRUTH, FOUND))
    assert len(better) == len(TRUTH)  # one more, one less
    assert prices(better, FOUND) == []
    assert ap(better, FOUND) > ap(TRUTH, FOUND)


def test_one_place_is_told_once():
    truth = truths((0, DOG, PLACE))
    found = detections(
        (0, DOG, PLACE, 0.9), (0, DOG, FAR, 0.8), (0, CAT, FAR, 0.7), (1, DOG, FAR, 0.6)
    )
    assert [one.image for one in prices(truth, found)].count(0) == 1


def test_mending_changes_copies():
    before = dataclasses.replace(TRUTH)
    mended(TRUTH, prices(TRUTH, FOUND))
    assert np.array_equal(before.boxes_xywh, TRUTH.boxes_xywh)
    assert np.array_equal(before.class_id, TRUTH.class_id)


def test_iou_of_two_boxes():
    assert box_iou(PLACE, PLACE) == 1
    assert box_iou(PLACE, LOOSE) == pytest.approx(24 / 56)
    assert box_iou(PLACE, FAR) == 0
    assert box_iou((0, 0, 0, 0), (0, 0, 0, 0)) == 0

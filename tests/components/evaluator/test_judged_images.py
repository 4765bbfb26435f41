import dataclasses
import io

import numpy as np
import pytest

from components.evaluator.coco_combine import ScoredImage
from components.evaluator.common_images import common_images
from components.evaluator.image_columns import ImageColumns
from components.evaluator.judged_changes import judged_change
from components.evaluator.judged_images import JudgedImages
from schemas.user_error import UserError

BOX, ELSEWHERE = (10, 10, 30, 30), (50, 50, 80, 90)


def image(image_id, objects, found):
    """Objects are (box, class); detections (box, class, score)."""
    return ScoredImage(
        image_id=image_id,
        gt_boxes=np.array([box for box, _ in objects], np.float64).reshape(-1, 4),
        gt_classes=np.array([class_id for _, class_id in objects], np.int64),
        gt_difficult=np.zeros(len(objects), bool),
        boxes=np.array([box for box, _, _ in found], np.float64).reshape(-1, 4),
        classes=np.array([class_id for _, class_id, _ in found], np.int64),
        scores=np.array([score for _, _, score in found], np.float32),
    )


def judged(images, names=("ant", "bee")):
    return JudgedImages("test", names, "ignore", ImageColumns.of_images(images))


EARLIER = judged(
    [
        image("a", [(BOX, 0)], [(BOX, 0, 0.9)]),
        image("b", [(BOX, 1)], []),
        image("c", [(BOX, 0)], [(ELSEWHERE, 0, 0.8)]),
        image("only earlier", [(BOX, 0)], []),
        image("annotated anew", [(BOX, 0)], []),
    ]
)
# The classes are numbered the other way about.
LATER = judged(
    [
        image("annotated anew", [(ELSEWHERE, 1)], []),
        image("a", [(BOX, 1)], [(BOX, 1, 0.9), (ELSEWHERE, 1, 0.3)]),
        image("b", [(BOX, 0)], [(BOX, 0, 0.7)]),
        image("c", [(BOX, 1)], [(ELSEWHERE, 1, 0.8)]),
    ],
    names=("bee", "ant"),
)


def test_what_was_kept_comes_back():
    back = JudgedImages.from_bytes(EARLIER.to_bytes())
    assert (back.split, back.class_names, back.difficult) == (
        *("test", ("ant", "bee")),
        "ignore",
    )
    assert back.summary().metrics == EARLIER.summary().metrics


def test_hits_misses_and_false_alarms_by_image():
    """By hand; images in the order of their ids."""
    found = LATER.hits_misses_false_alarms(0.5)
    assert found.tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 1]]
    assert LATER.hits_misses_false_alarms(0.2)[0].tolist() == [1, 0, 1]


def test_change_is_on_images_that_both_know_annotated_alike():
    change = judged_change(EARLIER, LATER, 0.5, 0.5)
    assert (change.images, change.left_out) == (3, 2)
    # ant: a found, c missed with a false alarm of lower score: the recall is .5, and
    # the precision 1 at the 51 of 101 points up to there, before and after
    by_name = {one.name: one for one in change.classes}
    assert by_name["ant"].before == pytest.approx(51 / 101)
    assert by_name["ant"].after == pytest.approx(51 / 101)
    assert (by_name["bee"].before, by_name["bee"].after) == pytest.approx((0.0, 1.0))
    assert (by_name["ant"].objects, by_name["bee"].objects) == (2, 1)
    assert change.metrics["AP"][0] == pytest.approx(51 / 202)
    (image_b,) = change.changed
    assert image_b.image_id == "b"
    assert (image_b.before, image_b.after) == ((0, 1, 0), (1, 0, 0))
    assert image_b.fewer_errors == 1


def test_versions_without_a_common_image_are_refused():
    other = judged([image("7/z", [(BOX, 0)], [])])
    with pytest.raises(UserError, match=r"names such as a and 7/z\): `voc-pipeline"):
        judged_change(EARLIER, other, 0.5, 0.5)


def test_a_window_s_names_are_those_behind_the_span():
    window = judged(
        [
            image("6/b", [(BOX, 1)], [(BOX, 1, 0.7)]),
            image("7/a", [(BOX, 0)], [(BOX, 0, 0.9)]),
        ]
    )
    change = judged_change(EARLIER, window, 0.5, 0.5)
    assert (change.images, change.left_out) == (2, 3)
    (image_b,) = change.changed
    assert (image_b.image_id, image_b.before) == ("6/b", (0, 1, 0))
    assert image_b.after == (1, 0, 0)


def known(image_id, sha256, side=100, found=()):
    """An image without objects, of a file that was recorded."""
    one = image(image_id, [], [(BOX, 0, score) for score in found])
    return dataclasses.replace(one, sha256=sha256, width=side, height=side)


@pytest.mark.parametrize(
    ("earlier", "later", "pairs"),
    [
        ([known("a", "1")], [known("a", "1")], {"a": "a"}),
        ([known("a", "1")], [known("a", "2")], {}),  # one name, another picture
        ([known("a", "1")], [known("b", "1")], {"a": "b"}),  # another name, one picture
        ([known("a", "1"), known("b", "2")], [known("9/a", "2")], {"b": "9/a"}),
        # What earlier releases kept has no digest, and sizes alone tell little.
        ([known("a", "")], [known("9/a", "2")], {"a": "9/a"}),
        ([known("a", "", side=0)], [known("a", "2")], {"a": "a"}),
        ([known("a", "", side=99)], [known("a", "2")], {}),
        # One file twice is told apart by its names, or not at all.
        (
            [known("a", "1"), known("b", "1")],
            [known("9/b", "1"), known("9/a", "1")],
            {"a": "9/a", "b": "9/b"},
        ),
        ([known("a", "1"), known("b", "1")], [known("c", "1")], {}),
        # A name of two spans says which of the two no more.
        ([known("a", "")], [known("8/a", ""), known("9/a", "")], {}),
    ],
)
def test_what_two_versions_share_are_files_and_then_names(earlier, later, pairs):
    """Each earlier image is found again by its score, .1 for the first and so on."""
    marked = [
        dataclasses.replace(one, boxes=np.array([BOX], float), classes=np.array([0]))
        for one in earlier
    ]
    marked = [
        dataclasses.replace(one, scores=np.array([number / 10], np.float32))
        for number, one in enumerate(marked, 1)
    ]
    if not pairs:
        with pytest.raises(UserError, match="no image that both"):
            common_images(judged(marked), judged(later))
        return
    common = common_images(judged(marked), judged(later))
    columns = common.earlier.columns
    assert columns.image_ids.tolist() == common.later.columns.image_ids.tolist()
    number = {one.image_id: place for place, one in enumerate(earlier, 1)}
    expected = {new: number[old] / 10 for old, new in pairs.items()}
    found = dict(zip(columns.image_ids[columns.image], columns.scores, strict=True))
    assert found == pytest.approx(expected)
    assert common.left_out == len(earlier) + len(later) - 2 * len(pairs)


def test_images_that_an_earlier_release_kept_are_read():
    """Without sizes, brightness and digests."""
    with np.load(io.BytesIO(EARLIER.to_bytes())) as kept:
        facts = {"width", "height", "brightness", "sha256"}
        assert facts < set(kept)
        older = {name: kept[name] for name in set(kept) - facts}
    file = io.BytesIO()
    np.savez_compressed(file, **older)
    back = JudgedImages.from_bytes(file.getvalue())
    assert back.summary().metrics == EARLIER.summary().metrics
    assert back.columns.sha256.tolist() == [""] * 5
    assert judged_change(back, LATER, 0.5, 0.5).images == 3


def test_a_model_that_gave_nan_has_no_numbers():
    broken = judged([image("a", [(BOX, 0)], [(BOX, 0, np.nan)])])
    assert broken.summary() is None

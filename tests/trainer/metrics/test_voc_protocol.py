"""VOC average precision: by hand, against the devkit's loop, and published numbers."""

import os
from pathlib import Path

import numpy as np
import pytest

from trainer.metrics.box_columns import Detections, GroundTruths
from trainer.metrics.voc_protocol import VOC_PROTOCOLS, voc_summary


def ap(truth, found, protocol="voc10", **options):
    """AP of the one class of one image."""
    arguments = {"image_ids": ["a"], "class_names": ["x"], "protocol": protocol}
    return voc_summary(truth, found, **{**arguments, **options}).mean_ap


def columns(boxes, **more):
    nothing = np.zeros(len(boxes), int)
    return nothing, nothing, np.reshape(boxes, (-1, 4)).astype(float)


def truths(boxes, difficult=None):
    return GroundTruths(*columns(boxes), difficult=difficult)


def detections(boxes, scores):
    return Detections(*columns(boxes), np.array(scores))


BOX, FAR, OTHER = [0, 0, 9, 9], [500, 500, 9, 9], [100, 100, 9, 9]


@pytest.mark.parametrize(
    ("protocol", "expected"),
    # hit, miss, hit of two: recall 1/2 at precision 1, then 1 at 2/3. 11 points: recall
    # 0..0.5 are six.
    [("voc07", (6 + 5 * 2 / 3) / 11), ("voc10", 1 / 2 + 1 / 2 * 2 / 3)],
)
def test_two_hits_around_a_miss_by_hand(protocol, expected):
    found = detections([BOX, FAR, OTHER], [0.9, 0.8, 0.7])
    assert ap(truths([BOX, OTHER]), found, protocol) == pytest.approx(expected)


def test_the_extra_pixel_decides_a_match():
    """[0, 10] and [0, 20] by 10: inclusive 11 of 21 pixels, else 10 of 20 = 0.5."""
    found = detections([[0, 0, 20, 9]], [0.9])
    assert ap(truths([[0, 0, 10, 9]]), found) == 1  # 11 / 21 > 0.5
    wider = detections([[0, 0, 22, 9]], [0.9])
    assert ap(truths([[0, 0, 10, 9]]), wider) == 0  # 11 / 23
    assert ap(truths([[0, 0, 11, 9]]), wider, extra_pixel=0.0) == 1  # exactly 0.5
    assert ap(truths([[0, 0, 10, 9]]), wider, extra_pixel=0.0) == 0


def test_a_taken_ground_truth_still_attracts_detections():
    """Both detections overlap BOX most; COCO would give the second to its neighbour."""
    neighbour = [3, 0, 9, 9]
    found = detections([BOX, [1, 0, 9, 9]], [0.9, 0.8])
    assert ap(truths([BOX, neighbour]), found) == pytest.approx(0.5)


def test_difficult_objects_are_neither_hit_nor_miss_however_often_found():
    found = detections([OTHER, OTHER, BOX], [0.9, 0.8, 0.7])
    assert ap(truths([BOX, OTHER], [False, True]), found) == 1


def test_only_difficult_objects_leave_the_class_undefined():
    assert ap(truths([BOX], [True]), detections([BOX], [0.9])) == -1


def test_equal_scores_rank_by_image_id():
    """A hit in image b, a miss in image a: the miss comes first."""
    truth = GroundTruths([0], [0], [BOX])
    found = Detections([0, 1], [0, 0], [BOX, BOX], [0.5, 0.5])
    assert ap(truth, found, image_ids=["b", "a"]) == pytest.approx(0.5)
    assert ap(truth, found, image_ids=["a", "b"]) == pytest.approx(1.0)


def test_unknown_protocol_is_refused():
    with pytest.raises(ValueError, match="one of voc07, voc10, got 'voc12'"):
        ap(truths([BOX]), detections([BOX], [0.5]), "voc12")


def best_overlap(box, truth, candidates):
    """The ground truth overlapped most, the first of equal ones, and the overlap."""
    best, highest = None, -np.inf
    x, y, w, h = box
    for g in candidates:
        left, top, width, height = truth.boxes_xywh[g]
        iw = min(x + w, left + width) - max(x, left) + 1
        ih = min(y + h, top + height) - max(y, top) + 1
        if iw > 0 and ih > 0:
            inter = iw * ih
            union = (w + 1) * (h + 1) + (width + 1) * (height + 1) - inter
            if inter / union > highest:
                best, highest = g, inter / union
    return best, highest


def devkit_judgement(truth, found, rows, wanted):
    """Hits and misses of detections in the order of their scores."""
    taken = np.zeros(len(truth), bool)
    hit, miss = np.zeros((2, len(rows)))
    for place, row in enumerate(rows):
        here = np.flatnonzero(wanted & (truth.image == found.image[row]))
        best, overlap = best_overlap(found.boxes_xywh[row], truth, here)
        if overlap < 0.5:
            miss[place] = 1
        elif not truth.difficult[best]:
            hit[place], miss[place] = not taken[best], taken[best]
            taken[best] = True
    return np.cumsum(hit), np.cumsum(miss)


def devkit_ap(truth, found, image_rank, class_id, protocol):
    """The devkit's VOCevaldet as a loop; None where there is nothing to find."""
    wanted = truth.class_id == class_id
    total = np.count_nonzero(wanted & ~truth.difficult)
    if not total:
        return None
    rows = np.flatnonzero(found.class_id == class_id)
    rows = rows[np.lexsort((image_rank[found.image[rows]], -found.score[rows]))]
    hits, misses = devkit_judgement(truth, found, rows, wanted)
    recall, precision = hits / total, hits / np.maximum(hits + misses, 1)
    if protocol == "voc07":
        levels = np.arange(0.0, 1.1, 0.1)
        return sum(max([*precision[recall >= t], 0.0]) for t in levels) / 11
    steps = zip(np.diff(recall, prepend=0), range(len(recall)), strict=True)
    return sum(step * max(precision[place:]) for step, place in steps)


@pytest.mark.parametrize("protocol", VOC_PROTOCOLS)
def test_random_cases_equal_the_devkit_loop(make_case, protocol):
    compared = 0
    for seed in range(100):
        case = make_case(seed)
        given = case.ground_truths
        truth = GroundTruths(
            given.image, given.class_id, given.boxes_xywh, difficult=given.difficult
        )
        names = [str(number) for number in range(case.num_classes)]
        summary = voc_summary(
            truth,
            case.detections,
            image_ids=case.image_ids,
            class_names=names,
            protocol=protocol,
        )
        rank = np.argsort(np.argsort(case.image_ids))
        for number, name in enumerate(names):
            expected = devkit_ap(truth, case.detections, rank, number, protocol)
            if expected is None:
                assert summary.per_class[name] == -1
            else:
                assert summary.per_class[name] == pytest.approx(expected, abs=1e-9)
                compared += 1
    assert compared > 100


SHARED = Path(
    os.environ.get(
        "VOC_PIPELINE_SHARED_DATA",
        Path(__file__).parents[3].parent / "shared" / "data",
    )
)


def text_boxes(folder, *, scored, corners):
    """Lines `class [score] x y w h` -> image, class, score, box, difficult."""
    rows = []
    for image, path in enumerate(sorted(folder.glob("*.txt"))):
        for line in path.read_text().splitlines():
            if words := line.split():
                name, *numbers = words[: 6 if scored else 5]
                *score, x, y, w, h = map(float, numbers)
                if corners:
                    w, h = w - x, h - y
                difficult = not scored and len(words) > 5
                rows.append((image, name, score, [x, y, w, h], difficult))
    return rows


def published_case(truth_folder, found_folder, *, corners):
    truth = text_boxes(truth_folder, scored=False, corners=corners)
    names = sorted({row[1] for row in truth})
    found = [
        row
        for row in text_boxes(found_folder, scored=True, corners=corners)
        if row[1] in names
    ]
    return {
        "ground_truths": GroundTruths(
            [row[0] for row in truth],
            [names.index(row[1]) for row in truth],
            [row[3] for row in truth],
            difficult=[row[4] for row in truth],
        ),
        "detections": Detections(
            [row[0] for row in found],
            [names.index(row[1]) for row in found],
            [row[3] for row in found],
            [row[2][0] for row in found],
        ),
        "image_ids": sorted(path.stem for path in truth_folder.glob("*.txt")),
        "class_names": names,
    }


@pytest.mark.parametrize(("protocol", "percent"), [("voc07", 26.84), ("voc10", 24.56)])
def test_published_numbers_of_object_detection_metrics(protocol, percent):
    home = SHARED / "metrics_odm"
    if not home.is_dir():
        pytest.skip(f"{home} is not there: set VOC_PIPELINE_SHARED_DATA")
    case = published_case(home / "groundtruths", home / "detections", corners=False)
    summary = voc_summary(**case, protocol=protocol, min_iou=0.3)
    assert 100 * summary.mean_ap == pytest.approx(percent, abs=0.01)


def test_published_number_of_cartucho():
    home = SHARED / "metrics_cartucho" / "input"
    if not home.is_dir():
        pytest.skip(f"{home} is not there: set VOC_PIPELINE_SHARED_DATA")
    case = published_case(
        home / "ground-truth", home / "detection-results", corners=True
    )
    summary = voc_summary(**case, protocol="voc10")
    assert 100 * summary.mean_ap == pytest.approx(31.05, abs=0.005)

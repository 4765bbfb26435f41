"""The COCO numbers against pycocotools on random cases, and by hand."""

import numpy as np
import pytest

from trainer.metrics import blocks
from trainer.metrics.accumulator import CocoAccumulator, evaluate_images
from trainer.metrics.box_columns import Detections, GroundTruths
from trainer.metrics.protocol import AreaRange, CocoProtocol
from trainer.metrics.summary import coco_summary, metric_names, summarise
from trainer.metrics.tensors import coco_tensors

MODES = ("plain", "crowd", "ignore")
TOLERANCE = 1e-9


def evaluate(case, difficult="ignore", **options):
    return evaluate_images(
        case.ground_truths,
        case.detections,
        image_ids=case.image_ids,
        num_classes=case.num_classes,
        difficult=difficult,
        **options,
    )


def names(case):
    return [str(number) for number in range(case.num_classes)]


def assert_equal_to_pycocotools(case, difficult, oracle):
    expected = oracle(case, difficult)
    accumulator = evaluate(case, difficult)
    tensors = coco_tensors(accumulator)
    for name in ("precision", "recall", "scores"):
        np.testing.assert_allclose(
            getattr(tensors, name), expected.eval[name], rtol=0, atol=TOLERANCE
        )
    summary = summarise(accumulator, names(case))
    np.testing.assert_allclose(
        list(summary.metrics.values()), expected.stats, rtol=0, atol=TOLERANCE
    )
    assert (summary.difficult, summary.num_images) == (difficult, len(case.image_ids))
    return summary.metrics["AP"]


def sweep(seeds, make_case, oracle):
    """How many cases had an AP strictly between 0 and 1: the ones that show much."""
    values = np.array(
        [
            assert_equal_to_pycocotools(make_case(seed), MODES[seed % 3], oracle)
            for seed in seeds
        ]
    )
    return np.count_nonzero((values > 0) & (values < 1))


def test_random_cases_equal_pycocotools(make_case, oracle):
    assert sweep(range(400), make_case, oracle) > 150


@pytest.mark.slow
def test_more_random_cases_equal_pycocotools(make_case, oracle):
    assert sweep(range(400, 2400), make_case, oracle) > 750


@pytest.mark.parametrize("seed", range(60))
def test_blocks_of_two_images_in_threads_equal_pycocotools(
    make_case, oracle, seed, monkeypatch
):
    """Up to three blocks; the boxes of a case come in no order of images."""
    monkeypatch.setattr(blocks, "IMAGES_AT_ONCE", 2)
    case = make_case(seed)
    tensors = coco_tensors(evaluate(case, threads=1 + seed % 3))
    expected = oracle(case, "ignore").eval
    for name in ("precision", "recall", "scores"):
        np.testing.assert_allclose(
            getattr(tensors, name), expected[name], rtol=0, atol=TOLERANCE
        )


def test_no_threads_are_refused(make_case):
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        evaluate(make_case(5), threads=0)


@pytest.mark.parametrize("seed", range(20))
def test_other_thresholds_areas_and_limits_equal_pycocotools(make_case, oracle, seed):
    """13 thresholds in 6 areas: 78 runs, so two words."""
    areas = [(0, 1e10), (0, 50), (50, 400), (400, 900), (900, 2500), (100, 100)]
    thresholds = np.linspace(0.3, 1.0, 13)

    def change(params):
        params.iouThrs = thresholds
        params.recThrs = np.linspace(0, 1, 11)
        params.areaRng = [list(area) for area in areas]
        params.areaRngLbl = [str(area) for area in areas]
        params.maxDets = [2, 5]

    protocol = CocoProtocol(
        iou_thresholds=tuple(thresholds.tolist()),
        recall_thresholds=tuple(np.linspace(0, 1, 11).tolist()),
        area_ranges=tuple(AreaRange(str(area), *area) for area in areas),
        max_dets=(2, 5),
    )
    assert protocol.num_words == 2
    case = make_case(seed)
    tensors = coco_tensors(evaluate(case, "plain", protocol=protocol))
    expected = oracle(case, "plain", change).eval
    for name in ("precision", "recall", "scores"):
        np.testing.assert_allclose(
            getattr(tensors, name), expected[name], rtol=0, atol=TOLERANCE
        )


@pytest.mark.parametrize("seed", range(0, 60, 3))
def test_order_of_images_and_shards_changes_nothing(make_case, seed):
    case = make_case(seed)
    whole = coco_tensors(evaluate(case))
    rng = np.random.default_rng(seed)
    shards = np.array_split(rng.permutation(len(case.image_ids)), 3)
    parts = [shard_of(case, rows) for rows in shards]
    nested = CocoAccumulator.merge(
        [CocoAccumulator.merge(parts[2:]), CocoAccumulator.merge(parts[:2])]
    )
    merged = coco_tensors(nested)
    for name in ("precision", "recall", "scores"):
        np.testing.assert_array_equal(getattr(merged, name), getattr(whole, name))


def shard_of(case, images):
    """The accumulator of some of a case's images, in that order."""
    truth, found = (
        columns.take(np.isin(columns.image, images))
        for columns in (case.ground_truths, case.detections)
    )
    place = np.zeros(len(case.image_ids), int)
    place[images] = np.arange(len(images))
    return evaluate_images(
        GroundTruths(
            place[truth.image],
            truth.class_id,
            truth.boxes_xywh,
            truth.area_px2,
            truth.crowd,
            truth.difficult,
        ),
        Detections(place[found.image], found.class_id, found.boxes_xywh, found.score),
        image_ids=np.array(case.image_ids, np.int64)[images],
        num_classes=case.num_classes,
    )


def test_per_class_numbers_are_those_of_the_class_alone(make_case, oracle):
    case = make_case(17)
    summary = summarise(evaluate(case), names(case))

    for number in range(case.num_classes):
        expected = oracle(case, "ignore", lambda params, n=number: one_class(params, n))
        precision = expected.eval["precision"][..., 0, 0, -1]
        assert summary.per_class[str(number)]["AP"] == pytest.approx(
            precision.mean(), abs=TOLERANCE
        )


def one_class(params, number):
    params.catIds = [number]


def test_two_hits_around_a_miss_by_hand():
    """Scores .9 hit, .8 miss, .7 hit of 2: precision 1 to recall 1/2, then 2/3.

    101 recall thresholds: 0..0.50 are 51, 0.51..1 are 50.
    """
    truth = GroundTruths([0, 0], [0, 0], [[0, 0, 10, 10], [50, 50, 10, 10]])
    found = Detections(
        [0, 0, 0],
        [0, 0, 0],
        [[0, 0, 10, 10], [90, 90, 5, 5], [50, 50, 10, 10]],
        [0.9, 0.8, 0.7],
    )
    summary = coco_summary(truth, found, image_ids=["a", "b"], class_names=["x", "y"])
    expected = (51 + 50 * 2 / 3) / 101
    assert summary.metrics["AP"] == pytest.approx(expected)
    assert summary.metrics["APs"] == pytest.approx(expected)
    assert summary.metrics["APl"] == -1  # nothing large to find
    assert summary.metrics["AR1"] == 0.5
    assert summary.per_class["y"]["AP"] == -1
    assert summary.num_images == 2


def test_nothing_at_all_is_undefined_everywhere():
    nothing = np.zeros(0)
    summary = coco_summary(
        GroundTruths(nothing, nothing, np.zeros((0, 4))),
        Detections(nothing, nothing, np.zeros((0, 4)), nothing),
        image_ids=[],
        class_names=["x"],
    )
    assert set(summary.metrics.values()) == {-1.0}


def test_names_follow_the_protocol():
    protocol = CocoProtocol(
        iou_thresholds=(0.3, 0.75),
        area_ranges=(AreaRange("all", 0, 1e9), AreaRange("tiny", 0, 64)),
        max_dets=(5, 300),
    )
    assert metric_names(protocol) == ["AP", "AP75", "APtiny", "AR5", "AR300", "ARtiny"]


def test_the_same_image_twice_is_refused(make_case):
    part = evaluate(make_case(5))
    with pytest.raises(ValueError, match="was added twice"):
        summarise(CocoAccumulator.merge([part, part]), names(make_case(5)))


def test_accumulators_of_different_protocols_do_not_merge(make_case):
    case = make_case(5)
    with pytest.raises(ValueError, match="different protocols"):
        CocoAccumulator.merge([evaluate(case, "plain"), evaluate(case, "crowd")])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": [3]}, "image must lie in 0..1"),
        ({"class_id": [-1]}, "class_id must lie in 0..1"),
        ({"score": [np.nan]}, "scores must be finite"),
        ({"boxes_xywh": [[0, 0, np.inf, 1]]}, "boxes must be finite"),
        ({"boxes_xywh": [[0, 0, 1]]}, r"boxes must be \[N, 4\], got \[1, 3\]"),
        ({"score": [0.5, 0.6]}, "score must have one value for each of 1 boxes"),
    ],
)
def test_bad_columns_are_refused(change, message):
    columns = {"image": [0], "class_id": [0], "boxes_xywh": [[0, 0, 1, 1]]}
    with pytest.raises(ValueError, match=message):
        evaluate_images(
            GroundTruths(**columns),
            Detections(**{**columns, "score": [0.5], **change}),
            image_ids=["a", "b"],
            num_classes=2,
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"iou_thresholds": (0.5, 0.5)}, "IoU thresholds must increase within"),
        ({"iou_thresholds": (0.0, 0.5)}, "IoU thresholds must increase within"),
        ({"iou_thresholds": tuple(np.linspace(0.1, 1, 65))}, "1 to 64 IoU thresholds"),
        ({"max_dets": (0, 1)}, "max_dets must increase within"),
        ({"area_ranges": ()}, "there must be an area range"),
        ({"recall_thresholds": ()}, "recall thresholds must increase"),
    ],
)
def test_bad_protocols_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        CocoProtocol(**options)
    with pytest.raises(ValueError, match="'odd' needs 0 <= low <= high, got 5, 4"):
        AreaRange("odd", 5, 4)


def test_unknown_treatment_of_difficult_is_refused(make_case):
    with pytest.raises(ValueError, match="one of plain, crowd, ignore, got 'skip'"):
        evaluate(make_case(1), "skip")

import itertools

import numpy as np

from trainer.features.row_batches import RowOrder, batches_by_step, places_in_use
from trainer.features.row_store import RowStore

SHAPES = {
    "P3": ((1, 2, 3), "<f2"),
    "gt_boxes": ((2, 4), "<f4"),
    "gt_classes": ((2,), "<i4"),
    "gt_difficult": ((2,), "|b1"),
}


def taken(order, step, count):
    return [rows.tolist() for rows in itertools.islice(order.rows_from(step), count)]


def test_each_pass_takes_every_row_once_and_in_another_order():
    order = RowOrder(num_rows=10, batch_size=4, seed=0)
    flat = np.concatenate(taken(order, 0, 5)).tolist()
    first, second = flat[:10], flat[10:]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    other = taken(RowOrder(10, 4, seed=1), 0, 5)
    assert np.concatenate(other).tolist() != flat


def test_an_order_can_be_entered_at_any_step():
    # also in batches larger than a pass
    for batch_size in (4, 7, 23):
        order = RowOrder(num_rows=10, batch_size=batch_size, seed=3)
        whole = taken(order, 0, 12)
        for step in (1, 5, 11):
            assert taken(order, step, 12 - step) == whole[step:]


def test_places_for_boxes_end_with_the_last_that_is_used():
    # an augmentation may empty a place before others
    classes = np.array([[0, -1, -1, -1], [-1, -1, 2, -1], [-1] * 4], np.int32)
    assert places_in_use(classes) == 3
    assert places_in_use(classes[:1]) == 1
    assert places_in_use(classes[2:]) == 1  # a batch without boxes has a place still


def test_places_that_no_row_uses_are_not_in_a_batch(tmp_path):
    store = RowStore(tmp_path, "key", SHAPES, 2)
    boxes = np.arange(2 * 2 * 4).reshape(2, 2, 4)
    store.append(
        ["a", "b"],
        {
            "P3": np.zeros((2, 1, 2, 3)),
            "gt_boxes": boxes,
            "gt_classes": np.array([[1, -1], [-1, -1]]),
            "gt_difficult": np.array([[1, 0], [0, 0]], bool),
        },
    )
    order = RowOrder(num_rows=2, batch_size=2, seed=0)
    (batch,) = batches_by_step(store, SHAPES, order)(0).take(1)
    ((first, second),) = taken(order, 0, 1)
    kept = boxes[[first, second]][:, :1]
    np.testing.assert_array_equal(batch["gt_boxes"], kept)
    assert sorted(batch["gt_classes"].numpy().tolist()) == [[-1], [1]]
    assert batch["gt_difficult"].shape == (2, 1)


def test_a_batch_has_stages_truth_and_names(tmp_path):
    store = RowStore(tmp_path, "key", SHAPES, 3)
    boxes = np.arange(3 * 2 * 4).reshape(3, 2, 4)
    store.append(
        ["ä", "b", "c"],
        {
            "P3": np.arange(18).reshape(3, 1, 2, 3) / 2,
            "gt_boxes": boxes,
            "gt_classes": np.array([[0, -1], [1, 0], [2, 2]]),
            "gt_difficult": np.array([[0, 0], [1, 0], [0, 1]], bool),
        },
    )
    order = RowOrder(num_rows=3, batch_size=2, seed=0)
    dataset = batches_by_step(store, SHAPES, order)(1)
    (rows,) = taken(order, 1, 1)
    (batch,) = dataset.take(1)
    names = [name.decode() for name in batch["image_ids"].numpy()]
    assert names == ["äbc"[row] for row in rows]
    np.testing.assert_array_equal(batch["gt_boxes"], boxes[rows])
    assert batch["stages"].keys() == {"P3"}
    stored = batch["stages"]["P3"].numpy()
    np.testing.assert_array_equal(stored, store.arrays["P3"][rows])
    assert stored.dtype == np.float16

"""Shards to batches: the same ones every time, wherever one starts."""

import numpy as np
import pytest
import tensorflow as tf
from image_shards import FRAME
from image_shards import image_example as _example
from image_shards import small_input as _config
from image_shards import write_shard as _write

from trainer.augment.declaration import ColorJitter, HorizontalFlip, MixUp, Mosaic
from trainer.input.batches import count_examples, fits_in_cache, make_dataset
from trainer.input.host import Host

IN_MEMORY, STREAMED = 1 << 30, 0
BOTH = pytest.mark.parametrize(
    "cache_bytes", [IN_MEMORY, STREAMED], ids=["memory", "stream"]
)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Eleven images in three shards, two of them gzip."""
    folder = tmp_path_factory.mktemp("shards")
    examples = [
        _example(f"image{i:02d}", boxes=[(4, 4, 24, 28)], shade=20 * i)
        for i in range(11)
    ]
    for shard, suffix in enumerate((".gz", ".gz", "")):
        _write(folder / f"images-{shard:05d}-of-00003{suffix}", examples[shard::3])
    return str(folder / "images-*")


def _batches(shards, config, count, **arguments):
    dataset = make_dataset(shards, config, training=True, **arguments)
    return [
        {key: value.numpy() for key, value in batch.items()}
        for batch in dataset.take(count)
    ]


def _ids(batches):
    return [image_id.decode() for batch in batches for image_id in batch["image_ids"]]


def _assert_same(batches, others):
    assert len(batches) == len(others)
    for one, other in zip(batches, others, strict=True):
        for key, value in one.items():
            np.testing.assert_array_equal(value, other[key], err_msg=key)


def test_gzip_and_plain_shards_are_counted_together(shards):
    assert count_examples(shards) == 11


@BOTH
def test_every_epoch_shows_each_image_once_in_another_order(shards, cache_bytes):
    ids = _ids(_batches(shards, _config(cache_bytes=cache_bytes), 11))

    epochs = [ids[0:11], ids[11:22], ids[22:33], ids[33:44]]
    assert all(len(set(epoch)) == 11 for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4


@BOTH
def test_a_batch_has_static_shapes_and_the_promised_values(tmp_path, cache_bytes):
    # 24 x 16 in a 48 x 32 frame: scale 2, no padding; 10 x 40: scale 1.2, 48 x 12.
    path = _write(
        tmp_path / "images-00000-of-00001.gz",
        [
            _example("a", 24, 16, boxes=[(2, 3, 10, 11), (0, 0, 24, 16)]),
            _example("b", 40, 10, boxes=[(10, 0, 20, 10)], difficult=[True]),
        ],
    )
    config = _config(global_batch_size=2, cache_bytes=cache_bytes)

    dataset = make_dataset(path, config, training=False)
    (batch,) = dataset

    assert {key: spec.shape[1:] for key, spec in dataset.element_spec.items()} == {
        "images": (32, 48, 3),
        "gt_boxes": (3, 4),
        "gt_classes": (3,),
        "gt_difficult": (3,),
        "image_ids": (),
        "image_shapes": (2,),
        "letterbox": (4,),
    }
    assert batch["image_ids"].numpy().tolist() == [b"a", b"b"]
    np.testing.assert_array_equal(batch["image_shapes"], [[16, 24], [10, 40]])
    expected = [[[4, 6, 20, 22], [0, 0, 48, 32], [-1] * 4]]
    np.testing.assert_allclose(batch["gt_boxes"][:1], expected, rtol=1e-5)
    np.testing.assert_allclose(batch["gt_boxes"][1, 0], [12, 10, 24, 22], rtol=1e-5)
    np.testing.assert_array_equal(batch["gt_classes"], [[0, 1, -1], [0, -1, -1]])
    np.testing.assert_array_equal(
        batch["gt_difficult"], [[False] * 3, [True, False, False]]
    )
    np.testing.assert_allclose(batch["letterbox"], [[2, 2, 0, 0], [1.2, 1.2, 0, 10]])


@BOTH
@pytest.mark.slow
@pytest.mark.parametrize("mixing", [(), (Mosaic(), MixUp())], ids=["plain", "mixed"])
def test_resumed_training_sees_the_batches_of_an_uninterrupted_run(
    shards, cache_bytes, mixing
):
    augmentations = (HorizontalFlip(), *mixing, ColorJitter())
    config = _config(
        cache_bytes=cache_bytes, augmentations=augmentations, mixing_window=6
    )

    whole = _batches(shards, config, 8)

    for start_step in (1, 5):
        resumed = _batches(shards, config, 8 - start_step, start_step=start_step)
        _assert_same(resumed, whole[start_step:])


@pytest.mark.parametrize(
    ("cache_bytes", "augmentation"),
    [
        (IN_MEMORY, HorizontalFlip()),
        (STREAMED, HorizontalFlip()),
        (STREAMED, Mosaic(probability=1.0)),
    ],
    ids=["memory", "stream", "mixed"],
)
def test_processes_read_the_parts_of_one_global_batch(
    shards, cache_bytes, augmentation
):
    config = _config(cache_bytes=cache_bytes, augmentations=(augmentation,))

    whole = _batches(shards, config, 5, start_step=2)
    parts = [_batches(shards, config, 5, start_step=2, host=Host(i, 2)) for i in (0, 1)]

    joined = [
        {key: np.concatenate([first[key], second[key]]) for key in first}
        for first, second in zip(*parts, strict=True)
    ]
    _assert_same(joined, whole)


@BOTH
def test_processes_evaluate_whole_batches_each_image_once(shards, cache_bytes):
    # eleven images in batches of four: one process has two of them, the other one
    config = _config(cache_bytes=cache_bytes)

    def batches(**arguments):
        dataset = make_dataset(shards, config, training=False, **arguments)
        return [{k: v.numpy() for k, v in batch.items()} for batch in dataset]

    parts = [batches(host=Host(i, 2)) for i in (0, 1)]
    assert [len(part) for part in parts] == [1, 2]
    _assert_same([*parts[0], *parts[1]], batches())
    # of more processes than batches, some have none
    assert [len(batches(host=Host(i, 4))) for i in range(4)] == [0, 1, 1, 1]


def test_processes_must_share_the_batch_evenly(shards):
    with pytest.raises(ValueError, match="global_batch_size 4 is not a multiple of 3"):
        make_dataset(shards, _config(), training=True, host=Host(0, 3))


def test_a_process_must_be_one_of_them():
    with pytest.raises(ValueError, match="need 0 <= index < count"):
        Host(2, 2)


def test_another_seed_gives_another_order(shards):
    assert _ids(_batches(shards, _config(seed=1), 3)) != _ids(
        _batches(shards, _config(seed=2), 3)
    )


@pytest.mark.parametrize("cache_bytes", [0, 1 << 30])
def test_the_order_does_not_depend_on_the_process_s_global_seed(shards, cache_bytes):
    config = _config(cache_bytes=cache_bytes)
    tf.random.set_seed(0)
    first = _ids(_batches(shards, config, 3))
    tf.random.set_seed(7)

    assert _ids(_batches(shards, config, 3)) == first


def test_change_detector_first_batches_of_seed_zero(shards):
    ids = _ids(_batches(shards, _config(), 2))

    # Not derived from anything: it changes when the order of training changes.
    assert [int(name.removeprefix("image")) for name in ids] == [
        *(0, 5, 3, 2),
        *(1, 8, 9, 7),
    ]


def test_mosaic_rests_in_the_last_epochs(shards):
    # 11 steps of 4 images are 4 epochs; the last begins at image 33, in step 8.
    config = _config(augmentations=(Mosaic(probability=1.0),), close_mosaic_epochs=1)
    plain = _batches(shards, _config(), 11)

    mixed = _batches(shards, config, 11, train_steps=11)

    assert _ids(mixed) == _ids(plain)
    same = [
        bool((a == b).all())
        for one, other in zip(mixed, plain, strict=True)
        for a, b in zip(one["images"], other["images"], strict=True)
    ]
    assert same == [False] * 33 + [True] * 11


def test_closing_mosaic_needs_the_length_of_the_run(shards):
    config = _config(augmentations=(Mosaic(),), close_mosaic_epochs=1)

    with pytest.raises(ValueError, match="give train_steps"):
        make_dataset(shards, config, training=True)


@BOTH
def test_batch_may_be_larger_than_the_data_set(shards, cache_bytes):
    config = _config(global_batch_size=30, cache_bytes=cache_bytes)

    (batch,) = _batches(shards, config, 1)

    assert batch["images"].shape == (30, *FRAME, 3)
    assert len(set(_ids([batch])[:11])) == len(set(_ids([batch])[11:22])) == 11


@BOTH
def test_evaluation_shows_each_image_once_and_ends_with_a_smaller_batch(
    shards, cache_bytes
):
    dataset = make_dataset(shards, _config(cache_bytes=cache_bytes), training=False)

    for _ in range(2):
        sizes = [len(batch["images"]) for batch in dataset]
        assert sizes == [4, 4, 3]
    ids = [i for batch in dataset for i in batch["image_ids"].numpy().tolist()]
    assert len(set(ids)) == 11


def test_evaluation_is_not_augmented(shards):
    flipped = _config(augmentations=(HorizontalFlip(probability=1.0),))

    first = next(iter(make_dataset(shards, flipped, training=False)))
    plain = next(iter(make_dataset(shards, _config(), training=False)))

    np.testing.assert_array_equal(first["gt_boxes"], plain["gt_boxes"])


def test_frames_are_kept_in_memory_only_if_all_fit():
    # 10 frames of 32 x 48 x 3 bytes.
    exact = 10 * 32 * 48 * 3

    assert fits_in_cache(10, _config(cache_bytes=exact))
    assert not fits_in_cache(10, _config(cache_bytes=exact - 1))

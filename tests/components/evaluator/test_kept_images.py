"""Images travel as names of files: what is combined does not grow with them."""

import json
import pickle

import numpy as np
import pytest

from components.evaluator.coco_combine import ScoredImage
from components.evaluator.image_columns import ImageColumns
from components.evaluator.kept_images import ImageFiles, KeptImages


def image(number):
    rng = np.random.default_rng(number)
    left_top = rng.integers(0, 200, (100, 2))
    boxes = np.concatenate([left_top, left_top + rng.integers(1, 90, (100, 2))], 1)
    return ScoredImage(
        image_id=f"{number:06}",
        gt_boxes=boxes[:3].astype(float),
        gt_classes=np.array([0, 1, 1]),
        gt_difficult=np.array([False, False, True]),
        boxes=boxes.astype(np.float32),
        classes=rng.integers(0, 2, 100),
        scores=rng.random(100).astype(np.float32),
        width=300,
        height=300,
    )


def same(columns, others):
    pairs = zip(vars(columns).values(), vars(others).values(), strict=True)
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs)


@pytest.fixture
def files(tmp_path):
    return ImageFiles(str(tmp_path / "images"))


def test_bundles_in_any_order_are_the_images_at_once(files):
    images = [image(number) for number in range(40)]
    bundles = [KeptImages(images=images[i::3]).closed(files) for i in (2, 0, 1)]
    names = [name for bundle in bundles for name in bundle.names]
    assert same(files.read(names), ImageColumns.of_images(images))


def test_what_is_shipped_does_not_grow_with_the_images(files):
    few = KeptImages(images=[image(0)]).closed(files)
    many = KeptImages(images=[image(number) for number in range(500)]).closed(files)
    assert len(pickle.dumps(many)) == len(pickle.dumps(few)) < 400


def test_a_second_attempt_at_the_same_images_adds_none(files, tmp_path):
    first = KeptImages(images=[image(0), image(1)]).closed(files)
    second = KeptImages(images=[image(0), image(1)]).closed(files)
    both = KeptImages((*first.names, *second.names))
    assert [path.name for path in (tmp_path / "images").iterdir()] == list(first.names)
    assert json.loads(both.to_bytes()) == list(first.names)
    assert len(files.read(both.names).image_ids) == 2


def test_no_images_are_no_file(files, tmp_path):
    assert KeptImages().closed(files).names == ()
    assert len(files.read([]).image_ids) == 0
    assert not (tmp_path / "images").exists()


def test_images_that_are_in_no_file_are_not_named():
    with pytest.raises(ValueError, match="in no file"):
        KeptImages(images=[image(0)]).to_bytes()

import hashlib

import defusedxml.ElementTree as ET  # noqa: N817
import numpy as np
import pytest
from PIL import Image

from pipeline.sample_data.sample import SampleConfig, read_marker, write_sample
from pipeline.sample_data.scene import draw_scene
from schemas.user_error import UserError


def digests(directory):
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("defects", [False, True])
def test_the_same_config_writes_the_same_bytes(tmp_path, defects):
    config = SampleConfig(images=150 if defects else 20, seed=3, defects=defects)
    assert write_sample(tmp_path / "a", config)
    assert write_sample(tmp_path / "deeper" / "b", config)
    assert digests(tmp_path / "a") == digests(tmp_path / "deeper" / "b")


def test_another_seed_draws_other_images(tmp_path):
    write_sample(tmp_path / "a", SampleConfig(images=3, seed=0))
    write_sample(tmp_path / "b", SampleConfig(images=3, seed=1))
    name = "JPEGImages/000001.jpg"
    assert digests(tmp_path / "a")[name] != digests(tmp_path / "b")[name]


def test_a_larger_sample_starts_with_the_same_images(tmp_path):
    write_sample(tmp_path / "a", SampleConfig(images=4))
    write_sample(tmp_path / "b", SampleConfig(images=6))
    small, large = digests(tmp_path / "a"), digests(tmp_path / "b")
    for name in ("JPEGImages/000004.jpg", "Annotations/000004.xml"):
        assert small[name] == large[name]


def test_each_listed_id_has_an_image_of_the_size_that_its_annotation_says(tmp_path):
    write_sample(tmp_path / "a", SampleConfig(images=12))
    sets = tmp_path / "a" / "ImageSets" / "Main"
    listed = (sets / "trainval.txt").read_text() + (sets / "test.txt").read_text()
    assert len(listed.split()) == 12
    for image_id in listed.split():
        root = ET.parse(tmp_path / "a" / "Annotations" / f"{image_id}.xml").getroot()
        size = tuple(int(root.findtext(f"size/{tag}")) for tag in ("width", "height"))
        with Image.open(tmp_path / "a" / "JPEGImages" / f"{image_id}.jpg") as image:
            assert image.size == size


def test_annotated_boxes_are_tight_to_the_drawn_pixels(tmp_path):
    write_sample(tmp_path / "a", SampleConfig(images=10, seed=9))
    for index in range(10):
        scene = draw_scene(np.random.default_rng([9, 0, index]), 320)
        xml = tmp_path / "a" / "Annotations" / f"{index + 1:06d}.xml"
        for number, item in enumerate(ET.parse(xml).getroot().iter("object")):
            rows, columns = np.nonzero(scene.owner == number)
            tight = [columns.min(), rows.min(), columns.max(), rows.max()]
            told = [int(value.text) for value in item.find("bndbox")]
            # 1-based and inclusive: the very pixels, counted from one.
            assert told == [pixel + 1 for pixel in tight]


def test_a_sample_has_a_grayscale_jpeg_and_says_so_in_depth(tmp_path):
    write_sample(tmp_path / "a", SampleConfig(images=3))
    with Image.open(tmp_path / "a" / "JPEGImages" / "000003.jpg") as image:
        assert image.mode == "L"
    xml = (tmp_path / "a" / "Annotations" / "000003.xml").read_text()
    assert "<depth>1</depth>" in xml


def test_the_same_sample_is_used_again(tmp_path):
    config = SampleConfig(images=2)
    write_sample(tmp_path / "a", config)
    times = [path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*"))]
    assert not write_sample(tmp_path / "a", config)
    assert [path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*"))] == times


def test_an_empty_directory_is_filled(tmp_path):
    (tmp_path / "a").mkdir()
    assert write_sample(tmp_path / "a", SampleConfig(images=2))
    assert read_marker(tmp_path / "a")["images"] == 2


def test_another_sample_is_refused_with_what_differs(tmp_path):
    write_sample(tmp_path / "a", SampleConfig(images=2))
    with pytest.raises(UserError, match=r"another sample \(images 2 and not 3\)"):
        write_sample(tmp_path / "a", SampleConfig(images=3))


def test_foreign_files_are_refused_and_untouched(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="no empty directory"):
        write_sample(tmp_path, SampleConfig(images=2))
    assert digests(tmp_path).keys() == {"mine.txt"}


def test_a_file_in_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "a").write_text("mine")
    with pytest.raises(UserError, match="no empty directory"):
        write_sample(tmp_path / "a", SampleConfig(images=2))


def test_a_place_that_cannot_be_written_is_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write the sample there") as told:
        write_sample(tmp_path / "file" / "a", SampleConfig(images=2))
    assert "\n" not in str(told.value)


def test_nothing_is_left_behind_when_drawing_fails(tmp_path, monkeypatch):
    def fail(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pipeline.sample_data.sample.draw_scene", fail)
    with pytest.raises(UserError, match="No space left on device"):
        write_sample(tmp_path / "a", SampleConfig(images=2))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": 0}, "--images 0"),
        ({"seed": -1}, "--seed -1"),
        ({"size": 64}, "--size 64"),
        ({"images": 20, "defects": True}, "at least 150"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        SampleConfig(**options)

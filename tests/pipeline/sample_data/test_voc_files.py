import io

import defusedxml.ElementTree as ET  # noqa: N817
import numpy as np
from PIL import Image

from pipeline.sample_data.scene import Scene, SceneObject
from pipeline.sample_data.voc_files import (
    annotation_xml,
    class_image_set,
    image_set,
    jpeg_bytes,
)


def make_object(box, name="ball", **flags):
    flags = {"difficult": False, "truncated": False, "occluded": False} | flags
    return SceneObject(name=name, box=box, **flags)


def make_scene(*objects):
    owner = np.full((60, 80), -1, np.int16)
    return Scene(np.zeros((60, 80, 3), np.uint8), owner, objects)


def test_a_full_image_box_spans_1_to_width_and_1_to_height():
    # 0-based half-open (0, 0, 80, 60) is 1-based inclusive 1, 1, 80, 60.
    root = ET.fromstring(annotation_xml("a", make_scene(make_object((0, 0, 80, 60)))))
    box = [int(root.findtext(f"object/bndbox/{tag}")) for tag in BOX_TAGS]
    assert box == [1, 1, 80, 60]


BOX_TAGS = ("xmin", "ymin", "xmax", "ymax")


def test_a_box_of_one_pixel_has_equal_minimum_and_maximum():
    root = ET.fromstring(annotation_xml("a", make_scene(make_object((4, 9, 5, 10)))))
    box = [int(root.findtext(f"object/bndbox/{tag}")) for tag in BOX_TAGS]
    assert box == [5, 10, 5, 10]


def test_size_filename_and_flags_are_those_of_the_scene():
    item = make_object((0, 0, 9, 9), "star", difficult=True, truncated=True)
    root = ET.fromstring(annotation_xml("000007", make_scene(item), grayscale=True))
    assert root.findtext("filename") == "000007.jpg"
    size = [root.findtext(f"size/{tag}") for tag in ("width", "height", "depth")]
    assert size == ["80", "60", "1"]
    flags = [root.findtext(f"object/{t}") for t in ("difficult", "truncated")]
    assert flags == ["1", "1"]
    assert root.findtext("object/occluded") == "0"
    assert root.findtext("object/name") == "star"


def test_jpeg_bytes_are_the_same_twice_and_close_to_the_pixels():
    pixels = np.full((40, 30, 3), (200, 90, 30), np.uint8)
    first, second = jpeg_bytes(pixels), jpeg_bytes(pixels.copy())
    assert first == second
    decoded = np.asarray(Image.open(io.BytesIO(first)))
    assert np.abs(decoded.astype(int) - pixels).max() <= 4


def test_a_grayscale_jpeg_has_one_channel():
    encoded = jpeg_bytes(np.zeros((8, 8, 3), np.uint8), grayscale=True)
    assert Image.open(io.BytesIO(encoded)).mode == "L"


def test_image_sets_list_one_id_a_line():
    assert image_set(["000001", "000003"]) == "000001\n000003\n"


def test_class_image_sets_flag_presence_as_voc_does():
    objects = {
        "a": [make_object((0, 0, 9, 9)), make_object((0, 0, 9, 9), difficult=True)],
        "b": [make_object((0, 0, 9, 9), difficult=True)],
        "c": [make_object((0, 0, 9, 9), "ring")],
    }
    assert class_image_set(["a", "b", "c"], "ball", objects) == "a  1\nb  0\nc -1\n"

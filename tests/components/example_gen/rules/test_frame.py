"""Which picture boxes lie in; 11..50 x 21..60 is [10, 20, 50, 60] half-open."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from components.example_gen.rules.box_frame import find_frame

BOX = (30, 200, 90, 260)  # of the stored picture, 400 x 300, half-open


def picture_bytes(orientation, size=(400, 300), box=BOX):
    picture = Image.new("RGB", size)
    picture.paste((255, 255, 255), box)
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", exif=exif, quality=95)
    return buffer.getvalue()


def seen(raw):
    """What a viewer shows: (size, 1-based corners of the white box in it)."""
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(raw)))
    white = np.asarray(upright.convert("L")) > 127
    rows, columns = np.flatnonzero(white.any(1)), np.flatnonzero(white.any(0))
    corners = (columns[0] + 1, rows[0] + 1, columns[-1] + 1, rows[-1] + 1)
    return upright.size, tuple(map(int, corners))


@pytest.fixture
def ingest_one(data_set, judge, voc_xml, voc_object):
    """(size, box) of the XML and image bytes -> reasons with actions, boxes."""

    def run(raw, size, corners, **config):
        xml = voc_xml(size=size, objects=[voc_object(box=corners)])
        tally, findings, examples = judge(data_set({"a": xml}, {"a": raw}), **config)
        reasons = {finding.reason: finding.action for finding in findings}
        boxes = examples["a"].boxes.tolist() if examples else None
        return reasons, boxes, tally.totals["images_doubtful"]

    return run


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_boxes_of_the_upright_picture_are_turned_into_the_stored_one(
    ingest_one, orientation
):
    raw = picture_bytes(orientation)
    size, corners = seen(raw)
    assert size == (300, 400)
    assert ingest_one(raw, size, corners) == (
        {"exif_applied": "repair"},
        [list(BOX)],
        0,
    )


@pytest.mark.parametrize("orientation", [2, 3, 4, 6])
def test_a_setting_decides_where_size_cannot(ingest_one, orientation):
    square = (300, 300)
    raw = picture_bytes(orientation, square)
    size, corners = seen(raw)
    found = ingest_one(raw, size, corners, exif_boxes="displayed")
    assert found == ({"exif_applied": "repair"}, [list(BOX)], 0)
    stored = (31, 201, 90, 260)
    found = ingest_one(raw, size, stored, exif_boxes="stored")
    assert found == ({"exif_orientation": "keep"}, [list(BOX)], 0)
    found = ingest_one(raw, size, stored)
    assert found == ({"exif_undecided": "keep"}, [list(BOX)], 1)


@pytest.mark.parametrize("setting", ["auto", "stored", "displayed"])
def test_boxes_of_the_stored_picture_stay_whatever_the_setting(ingest_one, setting):
    found = ingest_one(
        picture_bytes(6), (400, 300), (31, 201, 90, 260), exif_boxes=setting
    )
    assert found == ({"exif_orientation": "keep"}, [list(BOX)], 0)


def test_xmp_does_not_turn_a_picture(ingest_one):
    """Viewers and the model go by EXIF; this one's EXIF has a description alone."""
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x010E] = "a street"
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    picture = Image.new("RGB", (400, 300))
    picture.save(buffer, "JPEG", exif=exif, xmp=xmp)
    corners = (BOX[0] + 1, BOX[1] + 1, BOX[2], BOX[3])
    assert ingest_one(buffer.getvalue(), (400, 300), corners) == ({}, [list(BOX)], 0)


def test_without_a_size_exif_is_undecided(ingest_one):
    reasons, boxes, doubtful = ingest_one(picture_bytes(6), None, (31, 201, 90, 260))
    assert reasons == {"size_absent": "repair", "exif_undecided": "keep"}
    assert (boxes, doubtful) == ([list(BOX)], 1)


def test_a_negative_image_is_never_in_doubt(data_set, judge, voc_xml):
    xml = voc_xml(size=(300, 300), objects=[])
    tally, findings, _ = judge(
        data_set({"a": xml}, {"a": picture_bytes(6, (300, 300))})
    )
    assert [finding.reason for finding in findings] == ["no_objects"]
    assert tally.totals["images_doubtful"] == 0


def test_boxes_are_scaled_with_a_picture_resized_after_labelling(
    ingest_one, image_bytes
):
    raw = image_bytes((640, 480))
    assert ingest_one(raw, (320, 240), (120, 130, 300, 230)) == (
        {"size_scaled": "repair"},
        [[238, 258, 600, 460]],
        1,
    )
    *_, doubtful = ingest_one(raw, (320, 240), (9, 9, 99, 99), accept_scaled=True)
    assert doubtful == 0


def test_a_picture_made_smaller_scales_too_and_turns(ingest_one):
    # Labelled upright at 600 x 800, then saved at 400 x 300 with EXIF kept: seen
    # (40, 30, 100, 90) half-open, so (80, 60, 200, 180) in what was labelled.
    raw = picture_bytes(6)
    assert ingest_one(raw, (600, 800), (81, 61, 200, 180)) == (
        {"size_scaled": "repair", "exif_applied": "repair"},
        [list(BOX)],
        1,
    )


@pytest.mark.parametrize("size", [(101, 80), (98, 82), (99, 79)])
def test_a_size_a_pixel_or_two_off_leaves_the_boxes(ingest_one, image_bytes, size):
    found = ingest_one(image_bytes((100, 80)), size, (11, 21, 50, 60))
    assert found == ({"size_wrong": "repair"}, [[10, 20, 50, 60]], 0)


@pytest.mark.parametrize("size", [(117, 80), (100, 100), (500, 300)])
def test_another_aspect_ratio_is_a_conflict(ingest_one, image_bytes, size):
    reasons, boxes, _ = ingest_one(image_bytes((100, 80)), size, (11, 21, 50, 60))
    assert (reasons, boxes) == ({"size_conflict": "reject_image"}, None)


@pytest.mark.parametrize(
    ("stored", "size", "found"),
    [
        ((1000, 667), (300, 200), "scaled"),  # 667 = 200.1 * 1000 / 300, rounded
        ((333, 250), (4000, 3000), "scaled"),  # 333.33 x 250
        ((1000, 667), (300, 206), "other"),
        ((480, 640), (640, 480), "swapped"),
    ],
)
def test_a_resized_side_may_be_rounded(stored, size, found):
    assert find_frame(stored, 1, size, "auto").size == found


def test_boxes_beyond_size_that_fit_the_picture_lie_in_the_picture(
    ingest_one, image_bytes
):
    # A <size> from a template: half of the picture, and the box does not fit into it.
    raw = image_bytes((640, 480))
    found = ingest_one(raw, (320, 240), (401, 301, 500, 400))
    assert found == ({"size_wrong": "repair"}, [[400, 300, 500, 400]], 0)
    reasons, boxes, _ = ingest_one(raw, (320, 240), (401, 301, 700, 400))
    assert (reasons, boxes) == ({"size_conflict": "reject_image"}, None)


def test_boxes_too_wide_for_the_upright_picture_lie_in_the_stored_one(ingest_one):
    # 300 x 400 is <size>, as a swapped one and as the upright one; x up to 390 decides.
    reasons, boxes, doubtful = ingest_one(
        picture_bytes(6), (300, 400), (301, 101, 390, 200)
    )
    assert reasons == {"size_swapped": "repair", "exif_orientation": "keep"}
    assert (boxes, doubtful) == ([[300, 100, 390, 200]], 0)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_without_a_size_boxes_that_fit_the_upright_picture_alone_are_turned(
    ingest_one, orientation
):
    # Column 0 is seen on top in 5 and 6, at the bottom in 7 and 8.
    box = (350, 10, 395, 280) if orientation in (5, 6) else (5, 10, 50, 280)
    raw = picture_bytes(orientation, box=box)
    _, corners = seen(raw)
    assert corners[3] == 395
    reasons = {"size_absent": "repair", "exif_applied": "repair"}
    assert ingest_one(raw, None, corners) == (reasons, [list(box)], 0)


@pytest.mark.parametrize(
    ("corners", "exif"),
    [
        ((11, 21, 360, 60), "stored"),  # of 400 x 300; upright it is 300 x 400
        ((11, 21, 50, 380), "displayed"),
        ((11, 21, 50, 310), "undecided"),  # beyond the stored one by a hand's slip
        ((11, 21, 50, 60), "undecided"),
        ((11, 21, 5000, 60), "undecided"),
        ((11, 21, 360, 380), "undecided"),
    ],
)
def test_without_a_size_the_reach_of_boxes_tells_the_picture(corners, exif):
    found = find_frame((400, 300), 6, None, "auto", reach=corners[2:])
    assert found.exif == exif
    assert find_frame((400, 300), 6, None, "stored", reach=corners[2:]).exif == "stored"

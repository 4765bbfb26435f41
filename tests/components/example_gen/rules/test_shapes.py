"""Objects whose box is written in another shape: polygons, turned boxes."""

import math

import pytest


def shaped(shape, extra=""):
    return f"<object><name>dog</name>{extra}{shape}</object>"


@pytest.fixture
def boxes_of(data_set, judge, voc_xml):
    """Object texts -> (reasons, boxes) in an image of 100 x 80 pixels."""

    def run(*objects, **config):
        xml = voc_xml(objects=list(objects))
        _, findings, examples = judge(data_set({"a": xml}), **config)
        absent = {"difficult_absent", "truncated_absent", "pose_absent"}
        reasons = [f.reason for f in findings if f.reason not in absent]
        return reasons, examples["a"].boxes.tolist()

    return run


POINTS = [(10, 12), (60, 12), (60, 70)]


@pytest.mark.parametrize(
    "polygon",
    [
        "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in POINTS),
        "".join(f"<point><x>{x}</x><y>{y}</y></point>" for x, y in POINTS),
        "".join(
            f"<x{n}>{x}</x{n}><y{n}>{y}</y{n}>" for n, (x, y) in enumerate(POINTS, 1)
        ),
    ],
)
def test_a_polygon_without_a_box_gives_its_hull(boxes_of, polygon):
    found = boxes_of(
        shaped(f"<polygon>{polygon}<username>x</username></polygon>"),
        corners="zero_based",
    )
    assert found == (["box_from_polygon"], [[10, 12, 60, 70]])


def test_the_box_wins_over_the_polygon(boxes_of, voc_object):
    polygon = "<polygon><x1>1</x1><y1>1</y1><x2>9</x2><y2>9</y2></polygon>"
    assert boxes_of(voc_object(extra=polygon)) == ([], [[10, 20, 50, 60]])


def test_a_deleted_object_is_left_out(boxes_of, voc_object):
    deleted = voc_object(box=(1, 1, 9, 9), extra="<deleted>1</deleted>")
    assert boxes_of(deleted, voc_object()) == (["object_deleted"], [[10, 20, 50, 60]])


def rotated(degrees, box=(30, 20, 50, 40)):
    corners = zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    sides = "".join(f"<{side}>{value}</{side}>" for side, value in corners)
    return shaped(
        f"<bndbox>{sides}</bndbox><attributes><attribute><name>rotation</name>"
        f"<value>{degrees}</value></attribute></attributes>"
    )


@pytest.mark.parametrize(
    ("degrees", "box"),
    [
        # 20 x 20 about (40, 30): a half side of 10 (cos 45 + sin 45) = 14.142
        (45.0, [25.858, 15.858, 54.142, 44.142]),
        # 10 (cos 30 + sin 30) = 13.660
        (30.0, [26.340, 16.340, 53.660, 43.660]),
        (330.0, [26.340, 16.340, 53.660, 43.660]),
        (90.0, [30, 20, 50, 40]),
    ],
)
def test_a_rotated_box_gives_the_hull_of_the_turned_one(boxes_of, degrees, box):
    reasons, boxes = boxes_of(rotated(degrees), corners="zero_based")
    assert reasons == ["box_turned"]
    assert boxes == [pytest.approx(box, abs=1e-3)]


def test_rotation_as_an_element_of_its_own(boxes_of, voc_object):
    turned = voc_object(box=(30, 20, 50, 40), extra="<rotation>45</rotation>")
    reasons, boxes = boxes_of(turned, corners="zero_based")
    assert (reasons, boxes) == (
        ["box_turned"],
        [pytest.approx([25.858, 15.858, 54.142, 44.142], abs=1e-3)],
    )


def test_no_rotation_is_no_finding(boxes_of):
    assert boxes_of(rotated(0.0), corners="zero_based") == ([], [[30, 20, 50, 40]])


def test_a_flat_box_turns_with_its_sides(boxes_of):
    # 40 x 10 about (40, 30), by 90 degrees: 10 wide, 40 high
    reasons, boxes = boxes_of(rotated(90, (20, 25, 60, 35)), corners="zero_based")
    assert boxes == [pytest.approx([35, 10, 45, 50], abs=1e-3)]
    assert reasons == ["box_turned"]


def test_centre_size_and_angle_of_a_rotated_box(boxes_of):
    shape = (
        "<robndbox><cx>40</cx><cy>30</cy><w>20</w><h>20</h>"
        f"<angle>{math.pi / 4}</angle></robndbox>"
    )
    reasons, boxes = boxes_of(shaped(shape), corners="zero_based")
    assert "box_turned" in reasons
    assert boxes == [pytest.approx([25.858, 15.858, 54.142, 44.142], abs=1e-3)]

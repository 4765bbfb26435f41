"""Rules on one object, each through a data set of one image of 100 x 80 pixels."""

import pytest

CLEAN: dict[str, str] = {}


def test_a_plain_object_meets_no_rule(reasons_of_object):
    assert reasons_of_object() == CLEAN


@pytest.mark.parametrize("name", [None, "", "  "])
def test_an_object_without_a_name_is_dropped(reasons_of_object, name):
    assert reasons_of_object(name=name)["class_missing"] == "drop_object"


def test_a_class_beyond_the_label_map_is_dropped(reasons_of_object):
    assert reasons_of_object(name="zebra") == {"unknown_class": "drop_object"}


@pytest.mark.parametrize("box", [None, (11, 21, 50), (None, 21, 50, 60), ("", 1, 9, 9)])
def test_a_box_that_lacks_a_coordinate_is_dropped(reasons_of_object, box):
    assert reasons_of_object(box=box) == {"box_missing": "drop_object"}


@pytest.mark.parametrize("text", ["ten", "1,5", "1_000", "0x10", "--3", "1 2"])
def test_a_coordinate_that_is_no_number_drops_the_object(reasons_of_object, text):
    assert reasons_of_object(box=(text, 21, 50, 60)) == {
        "box_not_number": "drop_object"
    }


@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "-inf", "1e999"])
def test_a_coordinate_that_is_not_finite_drops_the_object(reasons_of_object, text):
    assert reasons_of_object(box=(11, text, 50, 60)) == {
        "box_not_finite": "drop_object"
    }


def test_fractions_are_kept(data_set, judge, voc_xml, voc_object):
    xml = voc_xml(objects=[voc_object(box=(11.5, 21.25, 50.5, 60))])
    _, findings, examples = judge(data_set({"a": xml}))
    assert [finding.reason for finding in findings] == ["box_fractional"]
    # 1 is subtracted from the minima only
    assert examples["a"].boxes.tolist() == [[10.5, 20.25, 50.5, 60.0]]


def test_a_zero_minimum_is_the_first_pixel_and_recorded(
    data_set, judge, voc_xml, voc_object
):
    xml = voc_xml(objects=[voc_object(box=(0, 0, 50, 60))])
    _, findings, examples = judge(data_set({"a": xml}))
    assert [(f.reason, f.action) for f in findings] == [("box_zero_based", "keep")]
    assert examples["a"].boxes.tolist() == [[0, 0, 50, 60]]


def test_an_inverted_box_is_dropped_unless_swapping_is_asked_for(reasons_of_object):
    box = (50, 21, 11, 60)
    assert reasons_of_object(box=box) == {"box_inverted": "drop_object"}
    swapped = reasons_of_object(box=box, config={"swap_inverted": True})
    assert swapped == {"box_swapped": "repair"}


def test_swapping_gives_the_box_that_was_meant(data_set, judge, voc_xml, voc_object):
    xml = voc_xml(objects=[voc_object(box=(50, 60, 11, 21))])
    tally, _, examples = judge(data_set({"a": xml}), swap_inverted=True)
    assert examples["a"].boxes.tolist() == [[10, 20, 50, 60]]
    assert tally.totals["objects_repaired"] == 1


def test_a_box_exactly_half_inside_is_clipped(data_set, judge, voc_xml, voc_object):
    # 91..110 is [90, 110) of 100 pixels: 10 of 20 columns lie inside.
    xml = voc_xml(objects=[voc_object(box=(91, 21, 110, 60))])
    _, findings, examples = judge(data_set({"a": xml}))
    assert [(f.reason, f.action) for f in findings] == [("box_clipped", "repair")]
    assert examples["a"].boxes.tolist() == [[90, 20, 100, 60]]


def test_a_box_less_than_half_inside_is_dropped(reasons_of_object):
    # [90, 111): 10 of 21 columns
    dropped = reasons_of_object(box=(91, 21, 111, 60))
    assert dropped == {"box_outside": "drop_object"}


@pytest.mark.parametrize(
    "box", [(200, 200, 300, 300), (-50, 1, -10, 20), (1e30, 1, 2e30, 9)]
)
def test_a_box_wholly_outside_is_dropped(reasons_of_object, box):
    assert "box_outside" in reasons_of_object(box=box)


def test_a_one_pixel_box_is_dropped_by_default(reasons_of_object):
    # VOC is inclusive: 7..7 is one pixel wide
    assert reasons_of_object(box=(7, 7, 7, 7)) == {"box_too_small": "drop_object"}
    assert reasons_of_object(box=(7, 7, 7, 7), config={"min_box_px": 1}) == CLEAN


def test_a_box_of_exactly_the_least_side_stays(reasons_of_object):
    assert reasons_of_object(box=(7, 7, 8, 40)) == CLEAN  # two pixels wide


def test_a_repeated_box_of_one_class_is_dropped_once(
    data_set, judge, voc_xml, voc_object
):
    xml = voc_xml(objects=[voc_object(), voc_object(), voc_object(name="cat")])
    tally, findings, _ = judge(data_set({"a": xml}))
    assert [(f.reason, f.object_index) for f in findings] == [("box_duplicate", 1)]
    assert tally.totals["objects_written"] == 2


def test_an_odd_flag_is_recorded_and_read_as_well_as_it_goes(
    data_set, judge, voc_xml, voc_object
):
    objects = [
        voc_object(difficult="true"),
        voc_object(box=(1, 1, 30, 30), difficult="Unspecified"),
        voc_object(box=(2, 2, 30, 30), difficult="2"),
    ]
    _, findings, examples = judge(data_set({"a": voc_xml(objects=objects)}))
    assert {finding.reason for finding in findings} == {"flag_odd"}
    assert examples["a"].difficult.tolist() == [True, False, True]


def test_of_two_boxes_in_one_object_the_first_is_used(reasons_of_object):
    second = "<bndbox><xmin>1</xmin></bndbox>"
    assert reasons_of_object(extra=second) == {"box_repeated": "keep"}


def test_a_second_box_of_an_object_that_is_dropped_is_no_further_loss(
    reasons_of_object,
):
    second = "<bndbox><xmin>1</xmin></bndbox>"
    dropped = reasons_of_object(box=(50, 21, 11, 60), extra=second)
    assert dropped == {"box_inverted": "drop_object"}


def test_parts_are_kept_apart_and_a_broken_one_is_dropped(
    data_set, judge, voc_xml, voc_object
):
    def part(name, xmax):
        return (
            f"<part><name>{name}</name><bndbox><xmin>11</xmin><ymin>21</ymin>"
            f"<xmax>{xmax}</xmax><ymax>30</ymax></bndbox></part>"
        )

    objects = [
        voc_object(box=(1, 1, 30, 30)),
        voc_object(extra=part("head", 20) + part("hand", "nan")),
    ]
    tally, findings, examples = judge(data_set({"a": voc_xml(objects=objects)}))
    assert [(f.reason, f.detail) for f in findings] == [("part_dropped", "hand")]
    assert tally.totals["objects_in"] == 2
    assert examples["a"].part_names == ("head",)
    assert examples["a"].part_boxes.tolist() == [[10, 20, 20, 30]]
    assert examples["a"].part_object_index.tolist() == [1]
    assert examples["a"].class_names == ("dog", "dog")

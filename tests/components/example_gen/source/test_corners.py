"""The convention is decided once for a data set, on evidence that is told."""

import pytest

from components.example_gen.source import corners
from components.example_gen.source.annotation import read_annotation, to_half_open
from components.example_gen.source.exporters import MENDED

VOC = "<source><database>The VOC2007 Database</database></source>"
LABELIMG = "<path>/a.jpg</path><source><database>Unknown</database></source>"


@pytest.fixture
def decide(voc_xml, voc_object):
    """Boxes of images of 100 x 80 pixels, one an image -> Corners."""

    def run(*boxes, body=""):
        xmls = [voc_xml(objects=[voc_object(box=box)], body=body) for box in boxes]
        return corners.decide(read_annotation(xml) for xml in xmls)

    return run


INSIDE = (11, 21, 50, 60)


@pytest.mark.parametrize(
    ("boxes", "body", "convention", "evidence"),
    [
        ([INSIDE], "", "one_based", "VOC's own way, nothing speaks against it"),
        ([INSIDE, (0, 5, 9, 9)], "", "zero_based", "1 boxes begin at 0, 0 at 1"),
        ([INSIDE, (1, 5, 9, 9)], "", "one_based", "0 boxes begin at 0, 1 at 1"),
        (
            [(5, 5, 99, 9)],
            "",
            "zero_based",
            "0 boxes begin at 0, 0 at 1, in 1 files; 1",
        ),
        ([(5, 5, 99, 9), (5, 5, 100, 80)], "", "one_based", "VOC's own way"),
        ([("5.0", 5, 9, 9)], "", "zero_based", "1 of 1 boxes are written as decimals"),
        # of so many that touch the far sides one would end at size, were it half-open
        ([(5, 5, 99, 9)] * 5, "", "zero_based_inclusive", "0 boxes begin at 0, 0 at 1"),
        ([(0, 5, 9, 79)] * 5, "", "zero_based_inclusive", "5 boxes begin at 0, 0 at 1"),
        (
            [(0, 5, 9, 79)] * 5 + [(0, 5, 100, 9)],
            "",
            "zero_based",
            "6 boxes begin at 0",
        ),
        ([(0, 5, 9, 79)] * 4, "", "zero_based", "4 boxes begin at 0"),
        ([(0, 5, 9, 79)] * 9, LABELIMG, "zero_based", "9 boxes begin at 0"),
        # a slip in data that count from 1
        ([(1, 5, 9, 9)] * 5 + [(0, 5, 9, 9)], "", "one_based", "1 boxes begin at 0, 5"),
        ([(1, 5, 9, 9)] * 4 + [(0, 5, 9, 9)], "", "zero_based", "1 boxes begin at 0"),
        ([INSIDE, ("5.5", 5, 9, 9)], VOC, "one_based", "the mark of VOC's own in 2"),
        ([(1, 5, 9, 9)], LABELIMG, "labelimg", "the mark of labelImg in 1 of 1 files"),
        ([(0, 5, 9, 9)], LABELIMG, "zero_based", "1 boxes begin at 0"),
    ],
)
def test_what_decides(decide, boxes, body, convention, evidence):
    found = decide(*boxes, body=body)
    assert found.convention == convention
    assert found.evidence.startswith(evidence)
    assert found.line().startswith(f"corners {convention}: ")


@pytest.mark.parametrize(
    "junk",
    [
        (0, 0, 0, 0),
        (0, 0, 5000, 5000),
        (0, 0, 1, 1),
        (0, 60, 9, 5),
        ("nan", 0, 9, 9),
        (0, "", 9, 9),
        (0, 0, "inf", 9),
    ],
)
def test_a_box_that_is_dropped_says_nothing(decide, junk):
    found = decide(INSIDE, (1, 5, 9, 9), junk)
    assert found == ("one_based", "0 boxes begin at 0, 1 at 1, in 3 files")


def test_boxes_are_counted_not_their_sides(decide):
    found = decide((1, 5, 9, 9), (1, 5, 9, 9), (1, 5, 9, 9), (0, 0, 9, 9), (1, 1, 9, 9))
    assert found.evidence == "1 boxes begin at 0, 4 at 1, in 5 files"


@pytest.mark.parametrize(
    ("zeros", "ones", "convention"),
    [(4, 0, "one_based"), (5, 0, "zero_based"), (5, 5, "one_based")],
)
def test_slips_do_not_outvote_a_mark_for_counting_from_1(
    decide, zeros, ones, convention
):
    boxes = [(0, 5, 9, 9)] * zeros + [(1, 5, 9, 9)] * ones
    assert decide(*boxes, body=VOC).convention == convention


@pytest.mark.parametrize("mended", [1, 2, 9])
@pytest.mark.parametrize(
    ("convention", "body", "box"),
    [
        ("labelimg", LABELIMG, (1, 5, 9, 9)),
        ("zero_based", "", ("5.5", 5, 9, 9)),
        ("zero_based_inclusive", "", (0, 5, 99, 9)),
        ("one_based", VOC, (5, 5, 99, 9)),
    ],
)
def test_mended_annotations_change_no_decision(
    voc_xml, voc_object, convention, body, box, mended
):
    mark = next(name for name, meant in MENDED.items() if meant == convention)
    source = f"<source><database>{mark}</database></source>"
    old = [voc_xml(objects=[voc_object(box=box)] * 5, body=body)] * 2
    new = [voc_xml(objects=[voc_object(box=(1, 5, 9, 9))] * 9, body=source)] * mended
    for some in (old, old[1:] + new, new):
        found = corners.decide(map(read_annotation, some))
        assert found.convention == convention


def test_a_size_with_swapped_sides_still_lets_its_boxes_speak(decide):
    assert decide((0, 5, 70, 95)).convention == "zero_based"


def test_a_sample_is_spread_and_the_same_every_time():
    names = [f"{number:05d}" for number in range(2500)]
    picked = corners.sample(names)
    assert len(picked) == 1000
    assert picked[:3] == ["00000", "00002", "00005"]
    assert corners.sample(names) == picked
    assert corners.sample(names[:7]) == names[:7]


@pytest.mark.parametrize(
    ("convention", "box"),
    [
        ("one_based", (0, 4, 30, 20)),
        ("zero_based", (1, 5, 30, 20)),
        ("zero_based_inclusive", (1, 5, 31, 21)),
        ("labelimg", (0, 5, 30, 20)),
    ],
)
def test_one_box_in_three_conventions(convention, box):
    assert to_half_open((1, 5, 30, 20), convention) == box
    assert to_half_open((0, 5, 30, 20), convention)[0] == 0


def test_a_setting_wins_over_the_evidence(data_set, judge, voc_xml, voc_object):
    home = data_set({"a": voc_xml(objects=[voc_object(box=(0, 5, 9, 9))])})
    *_, examples = judge(home, corners="zero_based")
    assert examples["a"].boxes.tolist() == [[0, 5, 9, 9]]
    *_, examples = judge(home, corners="one_based")
    assert examples["a"].boxes.tolist() == [[0, 4, 9, 9]]

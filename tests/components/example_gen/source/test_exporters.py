"""One image of 100 x 80 pixels with three known boxes, as exporters write it.

`exports/NAME-VERSION.xml` was written by that version of the tool, each from the same
boxes: [0, 0, 30, 20], [10, 12, 60, 70] and [40, 50, 100, 80], 0-based and half-open.
Datumaro's has a fourth, [30, 20, 50, 40] turned by 30 degrees: half a side of
10 (cos 30 + sin 30) = 13.6603 around (40, 30). FiftyOne's exporter was run without its
database, Kili's converter without its server.
"""

import re
from pathlib import Path

import pytest

from components.example_gen.config import IngestConfig
from components.example_gen.plan.corners import find_corners
from components.example_gen.source.annotation import read_annotation
from components.example_gen.source.corners import decide

EXPORTS = Path(__file__).with_name("exports")
KNOWN = [[0, 0, 30, 20], [10, 12, 60, 70], [40, 50, 100, 80]]
TURNED = [26.3397, 16.3397, 53.6603, 43.6603]
MARKS = {
    "darwin-py-3.6.3": "darwin",
    "datumaro-1.13.12": "datumaro or CVAT",
    "fiftyone-1.22.1": "FiftyOne",
    "globox-2.9.0": "",
    "imantics-0.1.12": "imantics",
    "kili-formats-1.6.0": "Kili",
    "label-studio-converter-0.0.59": "Label Studio",
    "labelImg-1.8.6": "labelImg",
    "labelformat-0.1.17": "labelformat",
    "pylabel-0.1.55": "pylabel",
    "supervision-0.31.2": "supervision",
}


def test_each_export_is_tried():
    assert {path.stem for path in EXPORTS.iterdir()} == set(MARKS)


@pytest.mark.parametrize("name", MARKS)
def test_the_exporter_is_known_by_its_mark(name):
    raw = (EXPORTS / f"{name}.xml").read_bytes()
    assert read_annotation(raw).exporter == MARKS[name]


@pytest.mark.parametrize("name", MARKS)
def test_the_boxes_of_an_export_are_those_that_went_in(
    data_set, image_bytes, plan_of, judge, name
):
    xml = (EXPORTS / f"{name}.xml").read_bytes().replace(b"a.png", b"a.jpg")
    home = data_set({"a": xml}, {"a": image_bytes((100, 80))})
    found = find_corners(plan_of(home).items, IngestConfig())
    *_, examples = judge(home, known=("cat",), corners=found.convention)
    boxes = examples["a"].boxes.tolist()
    right = [*KNOWN, TURNED] if name.startswith("datumaro") else KNOWN
    assert boxes == [pytest.approx(box, abs=1e-3) for box in right]


@pytest.mark.parametrize("name", [name for name in MARKS if MARKS[name]])
def test_the_mark_decides_where_no_box_starts_at_an_edge(name):
    raw = (EXPORTS / f"{name}.xml").read_bytes()
    inside = re.sub(rb"<object>.*?</object>", b"", raw, count=1, flags=re.DOTALL)
    found = decide([read_annotation(inside)])
    right = {"labelImg": "labelimg", "supervision": "one_based"}
    assert found.convention == right.get(MARKS[name], "zero_based")
    assert found.evidence.startswith(f"the mark of {MARKS[name]} in 1 of 1 files")


@pytest.mark.parametrize(
    ("xml", "mark"),
    [
        ("<source><database>The VOC2007 Database</database></source>", "VOC's own"),
        ("<source><database>Unknown</database></source>", ""),
        ("<source><database>roboflow.com</database></source>", ""),
        ("<object><robndbox><cx>1</cx></robndbox></object>", "roLabelImg"),
    ],
)
def test_marks_beside_those_exports(xml, mark):
    raw = f"<annotation>{xml}</annotation>".encode()
    assert read_annotation(raw).exporter == mark

"""What was said yes to changes in an annotation, and no more; or it is made anew."""

import io
import json
from xml.etree import ElementTree

import pytest
from PIL import Image

from pipeline.__main__ import main

DOG = {"class": "dog", "box": [0, 4, 40, 30], "difficult": True, "pose": "Left"}
CAT = {"class": "cat", "box": [10, 10, 20, 20]}
BIRD = {"class": "bird", "box": [1, 1, 9, 8]}
SHIP = {"class": "ship", "box": [20, 2, 30, 22]}
SOURCE = """<annotation><folder>VOC2007</folder><filename>a.png</filename>
<source><database>The VOC2007 Database</database><flickrid>7</flickrid></source>
<size><width>40</width><height>30</height><depth>3</depth></size>
<object><name>dog</name><pose>Left</pose><difficult>1</difficult>
<bndbox><xmin>1.0</xmin><ymin>5</ymin><xmax>40</xmax><ymax>30</ymax></bndbox>
<part><name>head</name><bndbox><xmin>2</xmin><ymin>6</ymin><xmax>9</xmax><ymax>9</ymax>
</bndbox></part><attributes><attribute><name>seen by</name><value>Ada</value>
</attribute></attributes></object>
<object><name>ghost</name><bndbox><xmin>9</xmin><ymin>9</ymin><xmax>3</xmax><ymax>9</ymax>
</bndbox></object>
<object><name>cat</name><bndbox><xmin>11</xmin><ymin>11</ymin><xmax>20</xmax>
<ymax>20</ymax></bndbox><polygon><x1>11</x1><y1>11</y1><x2>20</x2><y2>20</y2></polygon>
</object></annotation>"""
# Points from (2, 2) to (9, 8) of pixels from 1: that is 1, 1, 9, 8. And a box from
# 15, 7 to 35, 17 that is turned a quarter about 25, 12: 10 to each side and 5 up and
# down become 5 and 10, so its hull is 20, 2, 30, 22.
OUTLINED = """<object><name>bird</name><polygon><x1>2</x1><y1>2</y1><x2>9</x2><y2>2</y2>
<x3>9</x3><y3>8</y3></polygon></object>"""
TURNED = """<object><name>ship</name><bndbox><xmin>16</xmin><ymin>8</ymin>
<xmax>35</xmax><ymax>17</ymax></bndbox><attributes><attribute><name>rotation</name><value>90</value>
</attribute></attributes></object>"""


def label(kind, number, name, box=(5, 5, 10, 20)):
    return {
        "image": "a",
        "kind": kind,
        "object": number,
        "class_now": "",
        "class": name,
        "box_xywh": box,
        "sureness": 0.5,
        "AP_gained": 0.1,
        "answer": "yes",
    }


NEW = label("overlooked", -1, "dog")


@pytest.fixture
def accepted(tmp_path, capfd):
    """Labels and a picture -> (root of the annotation written, whether it is anew)."""

    def accept(labels, objects=(DOG, CAT), source=SOURCE, **fields):
        size = {"filename": "a.png", "width": 40, "height": 30, "orientation": 1}
        picture = {**size, "objects": objects, "source": source, **fields}
        content = {"AP": 0.4, "AP_mended": 0.5, "corners": "one_based"}
        content |= {"images": {"a": picture}, "labels": labels}
        path = tmp_path / "answers.json"
        path.write_text(json.dumps(content))
        out = tmp_path / "out"
        assert main(["labels", "--accept", str(path), "--output", str(out)]) == 0
        said = capfd.readouterr().out
        anew = "1 made anew, of what ingest keeps and no more: a\n" in said
        return ElementTree.parse(out / "Annotations" / "a.xml").getroot(), anew

    return accept


def flat(root):
    """Every element with a text: (tag, text)."""
    return [(e.tag, e.text.strip()) for e in root.iter() if (e.text or "").strip()]


def test_what_ingest_does_not_read_stays_in_the_annotation(accepted):
    """Each kind of label, and nothing but it, as it differs from the source."""
    box = label("box", 1, "cat", (12, 10, 9, 9))
    root, anew = accepted([label("class", 0, "wolf"), box, NEW])
    was, now = flat(ElementTree.fromstring(SOURCE)), flat(root)

    assert not anew
    added = now.index(("name", "dog"))  # the new one; the old one is a wolf now
    expected = list(was)
    expected[was.index(("name", "dog"))] = ("name", "wolf")
    cat = expected.index(("name", "cat"))
    sides = [("xmin", "13"), ("ymin", "11"), ("xmax", "21"), ("ymax", "19")]
    expected[cat + 1 : cat + 5] = sides
    assert now[: len(expected)] == expected
    assert added == len(expected)
    assert now[-1][0] == "mended"


def names(root):
    return [item.findtext("name") for item in root.iter("object")]


def test_one_that_goes_takes_its_own_element_and_no_other(accepted):
    root, anew = accepted([label("duplicate", 0, "dog")])
    assert (names(root), anew) == (["ghost", "cat"], False)


@pytest.mark.parametrize("kind", ["duplicate", "class", "box"])
def test_its_equals_that_ingest_has_dropped_do_not_come_back_in_its_place(
    accepted, kind
):
    first, last = SOURCE.index("<object><name>cat"), SOURCE.index("</annotation>")
    source = SOURCE[:last] + SOURCE[first:]  # the same cat twice
    root, anew = accepted([label(kind, 1, "cow")], source=source)
    left = {"duplicate": [], "class": ["cow"], "box": ["cow"]}[kind]
    assert (names(root), anew) == (["dog", "ghost", *left], False)


@pytest.mark.parametrize(
    "source", [SOURCE.replace("<xmax>40", "<xmax>39"), "<annotation>", ""]
)
def test_an_annotation_without_the_object_to_mend_is_made_anew(accepted, source):
    root, anew = accepted([label("duplicate", 0, "dog")], source=source)
    assert anew
    sides = [("xmin", "11"), ("ymin", "11"), ("xmax", "20"), ("ymax", "20")]
    assert [pair for pair in flat(root) if pair[0] in dict(sides)] == sides


@pytest.mark.parametrize(
    ("size", "orientation", "anew"),
    [
        ("<width>40</width><height>30</height>", 1, False),
        ("<width>40</width><height>30</height>", 6, False),  # that of the stored one
        ("<width>30</width><height>40</height>", 6, True),  # that of the upright one
        ("<width>20</width><height>15</height>", 1, True),  # of another scale
        ("<width>0</width><height>0</height>", 1, False),  # none
        ("<width>0</width><height>0</height>", 6, True),
        ("<width>0</width><height>0</height>", 0, True),  # it is not known
    ],
)
def test_a_new_box_stands_beside_a_size_of_the_pixels_it_counts(
    accepted, size, orientation, anew
):
    """Also where no object tells in which frame the annotation's boxes lie."""
    source = f"<annotation><weather>fog</weather><size>{size}</size></annotation>"
    root, made = accepted([NEW], (), source, orientation=orientation)
    assert made == anew
    assert (root.find("weather") is None) == anew
    if anew:
        assert flat(root.find("size"))[:2] == [("width", "40"), ("height", "30")]
    box = [("xmin", "6"), ("ymin", "6"), ("xmax", "15"), ("ymax", "25")]
    assert flat(root.find("object/bndbox")) == box


def test_ingest_reads_the_new_box_where_it_was_drawn_in_a_picture_that_exif_turns(
    accepted, tmp_path, capfd
):
    from components.example_gen.config import IngestConfig
    from components.example_gen.examination.examine import examine
    from components.example_gen.source.item import Item
    from components.example_gen.source.storage import Entry

    size = "<width>30</width><height>40</height>"
    source = f"<annotation><size>{size}</size></annotation>"
    root, _ = accepted([NEW], (), source, orientation=6)
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.effect_mandelbrot((40, 30), (-2, -1, 1, 1), 9).save(buffer, "JPEG", exif=exif)
    entries = []
    for name, raw in (("a.xml", ElementTree.tostring(root)), ("a.jpg", buffer)):
        path = tmp_path / name
        path.write_bytes(raw if isinstance(raw, bytes) else raw.getvalue())
        entries.append(Entry(name, path.stat().st_size, f"{tmp_path}/"))
    item = Item("a", "", *entries, "", listed=False)
    example = examine(item, {"dog"}, IngestConfig(corners="one_based")).example
    assert example.boxes.tolist() == [[5, 5, 15, 25]]


WITH_SHAPES = SOURCE.replace("</annotation>", f"{OUTLINED}{TURNED}</annotation>")
ALL = (DOG, CAT, BIRD, SHIP)


@pytest.mark.parametrize(
    ("mended", "left"),
    [
        (NEW, ["dog", "ghost", "cat", "bird", "ship", "dog"]),
        (label("class", 0, "wolf"), ["wolf", "ghost", "cat", "bird", "ship"]),
        (label("class", 2, "bat"), ["dog", "ghost", "cat", "bat", "ship"]),
        (label("class", 3, "boat"), ["dog", "ghost", "cat", "bird", "boat"]),
        (label("duplicate", 2, "bird"), ["dog", "ghost", "cat", "ship"]),
        (label("duplicate", 3, "ship"), ["dog", "ghost", "cat", "bird"]),
    ],
)
def test_an_outline_or_a_turned_box_costs_an_annotation_nothing(accepted, mended, left):
    root, anew = accepted([mended], ALL, WITH_SHAPES)
    assert (names(root), anew) == (left, False)
    assert root.findtext("source/flickrid") == "7"
    assert root.find("object/part") is not None


@pytest.mark.parametrize("number", [2, 3])
def test_one_to_redraw_without_an_upright_box_is_told(accepted, number):
    name = ALL[number]["class"]
    root, anew = accepted([label("box", number, name)], ALL, WITH_SHAPES)
    assert anew
    assert names(root) == ["dog", "cat", "bird", "ship"]
    box = [("xmin", "6"), ("ymin", "6"), ("xmax", "15"), ("ymax", "25")]
    assert flat(root.findall("object")[number].find("bndbox")) == box

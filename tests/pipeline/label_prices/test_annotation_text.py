"""A mended annotation is the same file but for the lines of its objects."""

import difflib
import json

import pytest

from components.example_gen.source.annotation import read_annotation
from pipeline.__main__ import main
from pipeline.label_prices.source_xml import source_xmls

SOURCE = """<?xml version="1.0" encoding='{encoding}'?>
<!-- drawn by Zoë & checked -->
<Annotation verified = "yes">
  <size><width>40</width><height>30</height> <depth>3</depth></size>
  <!--first--><Object id='1'>
    <name>dog</name>   <!-- asleep -->
    <difficult/>
    <BndBox><xmin> 1.0 </xmin><ymin>5</ymin><xmax>40</xmax><ymax>30</ymax></BndBox>
  </Object>
  <Object id='2'>
    <name><![CDATA[cat]]></name>
    <BndBox><xmin>11</xmin><ymin>11</ymin><xmax>20</xmax><ymax>20</ymax></BndBox>
  </Object>
  <note>Gr&#252;n &gt; blau</note>
</Annotation>
<!-- the end -->
"""
DOG = {"class": "dog", "box": [0, 4, 40, 30]}
CAT = {"class": "cat", "box": [10, 10, 20, 20]}


def label(kind, number, name, box=(5, 5, 10, 20)):
    shown = {"image": "a", "kind": kind, "object": number, "class": name}
    return shown | {
        **{"class_now": "", "box_xywh": box, "sureness": 0.5, "AP_gained": 0.1},
        "answer": "yes",
    }


@pytest.fixture
def mended(tmp_path):
    """The bytes of an annotation -> those after these labels were said yes to."""

    def mend(raw, labels, objects=(DOG, CAT)):
        voc = tmp_path / "voc"
        for name in ("Annotations", "JPEGImages"):
            (voc / name).mkdir(parents=True)
        (voc / "Annotations" / "a.xml").write_bytes(raw)
        (voc / "JPEGImages" / "a.png").write_bytes(b"")
        source = source_xmls(str(voc), ["a"])["a"]._asdict()
        size = {"filename": "a.png", "width": 40, "height": 30, "orientation": 1}
        content = {"AP": 0.4, "AP_mended": 0.5, "corners": "one_based"}
        content |= {"images": {"a": {**size, "objects": objects, **source}}}
        path, out = tmp_path / "answers.json", tmp_path / "out"
        path.write_text(json.dumps(content | {"labels": labels}))
        assert main(["labels", "--accept", str(path), "--output", str(out)]) == 0
        return (out / "Annotations" / "a.xml").read_bytes()

    return mend


def changes(was, now):
    """The lines that went and that came, without those about the record."""
    lines = difflib.ndiff(was.splitlines(), now.splitlines())
    return [line for line in lines if line[0] in "+-" and "<mended>" not in line]


CASES = {
    "class": (
        label("class", 0, "wolf & co"),
        [
            "-     <name>dog</name>   <!-- asleep -->",
            "+     <name>wolf &amp; co</name>   <!-- asleep -->",
        ],
    ),
    "box": (
        label("box", 0, "dog"),
        # the left side, x = 5 from 0, is 6 from 1, as is y; to 5 + 10 and 5 + 20
        [
            "-     <BndBox><xmin> 1.0 </xmin><ymin>5</ymin><xmax>40</xmax>"
            "<ymax>30</ymax></BndBox>",
            "+     <BndBox><xmin> 6 </xmin><ymin>6</ymin><xmax>15</xmax>"
            "<ymax>25</ymax></BndBox>",
        ],
    ),
    "duplicate": (
        label("duplicate", 1, "cat"),
        [
            "-   <Object id='2'>",
            "-     <name><![CDATA[cat]]></name>",
            "-     <BndBox><xmin>11</xmin><ymin>11</ymin><xmax>20</xmax>"
            "<ymax>20</ymax></BndBox>",
            "-   </Object>",
        ],
    ),
    "overlooked": (
        label("overlooked", -1, "cow"),
        [
            "+   <Object>",
            "+     <name>cow</name>",
            "+     <pose>Unspecified</pose>",
            "+     <truncated>0</truncated>",
            "+     <occluded>0</occluded>",
            "+     <BndBox>",
            "+       <xmin>6</xmin>",
            "+       <ymin>6</ymin>",
            "+       <xmax>15</xmax>",
            "+       <ymax>25</ymax>",
            "+     </BndBox>",
            "+     <difficult>0</difficult>",
            "+   </Object>",
        ],
    ),
}


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "iso-8859-1", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("kind", CASES)
def test_a_diff_shows_the_objects_that_were_mended(mended, kind, codec, newline):
    said, expected = CASES[kind]
    declared = SOURCE.format(encoding=codec.removesuffix("-sig"))
    was = declared.replace("\n", newline).encode(codec)

    now = mended(was, [said])

    assert changes(was.decode(codec), now.decode(codec)) == expected
    assert b"\n  <mended>[[" in now
    assert now.count(b"\r\n") == (now.count(b"\n") if newline == "\r\n" else 0)
    # what has no XML element after it is the same to the last byte
    assert now.endswith(was[was.index(b"</Annotation>") :])


def test_blank_lines_before_the_declaration_stay(mended):
    was = ("\n \n" + SOURCE.format(encoding="utf-8")).encode()
    now = mended(was, [label("class", 1, "cow")])
    assert now.startswith(was[: was.index(b"<size>")])
    assert [o.name for o in read_annotation(now).objects] == ["dog", "cow"]


def test_a_second_record_replaces_the_first(mended, tmp_path):
    first = SOURCE.format(encoding="utf-8").replace(
        "</Annotation>", "  <mended>[]</mended>\n</Annotation>"
    )
    now = mended(first.encode(), [label("class", 0, "wolf")]).decode()
    assert now.count("<mended>") == 1
    assert "[]" not in now


def test_an_annotation_on_one_line_stays_on_one_line(mended):
    size = "<size><width>40</width><height>30</height></size>"
    source = f"<annotation>{size}</annotation>"
    now = mended(source.encode(), [label("overlooked", -1, "cow")])
    assert b"\n" not in now
    assert now.startswith(f"<annotation>{size}<object><name>cow</name>".encode())


def test_an_encoding_that_lacks_a_letter_gets_a_reference(mended):
    source = SOURCE.format(encoding="iso-8859-1").encode("iso-8859-1")
    now = mended(source, [label("class", 0, "\u72d0")])
    assert b"<name>&#29392;</name>" in now


@pytest.mark.parametrize("codec", ["utf-16", "gb18030"])
def test_what_cannot_be_kept_as_bytes_is_kept_as_elements(mended, codec):
    """UTF-16 says it by its bytes; GB 2312 is read as the larger GB 18030."""
    name = {"utf-16": "utf-16", "gb18030": "gb2312"}[codec]
    source = SOURCE.replace("Zoë", "Zoe").format(encoding=name).encode(codec)
    now = mended(source, [label("class", 0, "\u72d0")])
    read = now.decode({"utf-16": "utf-8", "gb18030": "gb18030"}[codec])
    assert "<name>\u72d0</name>" in read


def read(raw):
    """Class and box of each object, as ingest reads them."""
    return [(one.name, one.box.texts) for one in read_annotation(raw).objects]


DOG_READ, CAT_READ = (
    ("dog", ("1.0", "5", "40", "30")),
    ("cat", ("11", "11", "20", "20")),
)
COW = label("overlooked", -1, "cow")
COW_READ = ("cow", ("6", "6", "15", "25"))


@pytest.mark.parametrize("root", ["<annotation/>", '<Annotation who="a/>b" />'])
def test_an_annotation_that_holds_nothing_gets_an_object(mended, root):
    source = f"<!-- none -->{root}\n".encode()
    now = mended(source, [COW, label("overlooked", -1, "ox")], objects=[])
    assert read(now) == [COW_READ, ("ox", COW_READ[1])]
    tag = root[1:11]
    assert now.startswith(b"<!-- none -->" + root.encode().rstrip(b" />") + b">")
    assert now.endswith(f"</mended></{tag}>\n".encode())


def test_a_new_object_has_no_prefix_that_only_another_one_declares(mended):
    source = SOURCE.format(encoding="utf-8").replace(
        "<Object id='2'>", "<x:Object xmlns:x='urn:x'><x:note/>"
    )
    last = source.rindex("</Object>")
    source = f"{source[:last]}</x:Object>{source[last + 9 :]}"
    now = mended(source.encode(), [COW])
    assert read(now) == [DOG_READ, CAT_READ, COW_READ]


def test_a_prefix_of_the_root_is_that_of_a_new_object(mended):
    source = "<v:annotation xmlns:v='u'><v:object><v:name>dog</v:name><v:bndbox>"
    sides = "<xmin>1.0</xmin><ymin>5</ymin><xmax>40</xmax><ymax>30</ymax>"
    source += f"{sides}</v:bndbox></v:object></v:annotation>"
    now = mended(source.encode(), [COW], objects=[DOG])
    assert b"</v:object><v:object><v:name>cow</v:name>" in now
    assert read(now) == [DOG_READ, COW_READ]


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("kind", CASES)
def test_utf_16_without_a_mark_is_kept_as_elements(mended, kind, codec):
    """Read byte by byte it is UTF-8, too, with a NUL beside each letter."""
    said, _ = CASES[kind]
    source = SOURCE.replace("Zoë", "Zoe").format(encoding="utf-16").encode(codec)
    assert source.decode("utf-8")
    found = read(mended(source, [said]))
    assert (
        found
        == {
            "class": [("wolf & co", DOG_READ[1]), CAT_READ],
            "box": [("dog", COW_READ[1]), CAT_READ],
            "duplicate": [DOG_READ],
            "overlooked": [DOG_READ, CAT_READ, COW_READ],
        }[kind]
    )


def test_an_object_inside_of_one_that_goes_stays(mended, capsys):
    source = SOURCE.format(encoding="utf-8")
    nested = source.replace("  </Object>\n  <Object id='2'>", "  <Object id='2'>")
    nested = nested.replace("</Object>", "</Object></Object>")
    # a tag of theirs that is called as our record is
    nested = nested.replace("</note>", "</note><Mended/>")
    now = mended(nested.encode(), [label("duplicate", 0, "dog")])
    # the dog has gone, with all that its element held but for the cat
    assert [name for name, _ in read(now)] == ["cat"]
    assert "1 made anew" in capsys.readouterr().out
    assert read_annotation(now).mended


@pytest.mark.parametrize("number", [0, 1])
def test_of_two_objects_a_hair_apart_the_one_that_was_meant_goes(mended, number):
    """Written with other digits by two tools, they are two to ingest."""
    source = SOURCE.format(encoding="utf-8").replace("cat", "dog")
    source = source.replace("11</xmin><ymin>11<", "1.004</xmin><ymin>5.004<")
    source = source.replace("20</xmax><ymax>20<", "40</xmax><ymax>30<")
    other = {"class": "dog", "box": [0.004, 4.004, 40, 30]}
    now = mended(
        source.encode(), [label("duplicate", number, "dog")], objects=[DOG, other]
    )
    left = [DOG_READ, ("dog", ("1.004", "5.004", "40", "30"))]
    assert read(now) == [left[1 - number]]

"""Encodings, spellings of tags, white space in names."""

import pytest

from components.example_gen.source.annotation import (
    AnnotationError,
    class_names,
    read_annotation,
)
from schemas.label_map import LabelMap

XML = (
    "<annotation><filename>a.jpg</filename><object><name>{}</name><bndbox><xmin>1</xmin>"
    "<ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object></annotation>"
)


@pytest.mark.parametrize(
    ("declared", "codec", "name"),
    [
        ("gb2312", "gb2312", "猫"),
        (
            "GB2312",
            "gbk",
            "貓",
        ),  # beyond gb2312, written with its superset all the same
        ("gbk", "gbk", "貓"),
        ("gb18030", "gb18030", "猫"),
        ("big5", "big5", "貓"),
        ("Shift_JIS", "shift_jis", "ねこ"),
        ("euc-kr", "euc-kr", "고양이"),
        ("windows-1251", "cp1251", "кошка"),
        ("iso-8859-1", "latin-1", "Bär"),
        ("UTF-16", "utf-16", "猫"),
        ("utf-16", "utf-8", "猫"),  # what .NET's string writer declares
        ("utf-8", "utf-8-sig", "猫"),
    ],
)
def test_encodings_that_python_knows_are_read(declared, codec, name):
    text = f'<?xml version="1.0" encoding="{declared}"?>\n' + XML.format(name)
    raw = text.encode(codec)
    assert read_annotation(raw).objects[0].name == name
    assert class_names(raw) == {name}


@pytest.mark.parametrize("before", ["\n", "\r\n  ", "\t"])
def test_white_space_before_the_declaration_is_no_fault(before):
    raw = (before + '<?xml version="1.0"?>\n' + XML.format("dog")).encode()
    assert read_annotation(raw).objects[0].name == "dog"
    assert class_names(raw) == {"dog"}


@pytest.mark.parametrize("declared", ["klingon", "utf-8", "gb2312", "base64"])
def test_bytes_that_are_not_in_their_encoding_are_malformed(declared):
    raw = f'<?xml version="1.0" encoding="{declared}"?>'.encode() + b"<a>\xff\xff</a>"
    with pytest.raises(AnnotationError) as caught:
        read_annotation(raw)
    assert caught.value.kind == "malformed"


def test_entities_are_refused_in_those_encodings_too():
    bomb = '<!DOCTYPE a [<!ENTITY x "猫">]><annotation>&x;</annotation>'
    raw = ('<?xml version="1.0" encoding="gb2312"?>' + bomb).encode("gb2312")
    with pytest.raises(AnnotationError) as caught:
        read_annotation(raw)
    assert caught.value.kind == "forbidden"


def test_tags_in_other_spellings_are_read_and_told(data_set, judge):
    xml = (
        b"<Annotation><Filename>a.jpg</Filename><Size><Width>100</Width>"
        b"<Height>80</Height></Size><Object><Name>dog</Name><Difficult>1</Difficult>"
        b"<BndBox><Xmin>11</Xmin><Ymin>21</Ymin><XMAX>50</XMAX><Ymax>60</Ymax></BndBox>"
        b"</Object></Annotation>"
    )
    _, findings, examples = judge(data_set({"a": xml}))
    assert examples["a"].boxes.tolist() == [[10, 20, 50, 60]]
    assert examples["a"].difficult.tolist() == [True]
    details = {finding.reason: finding.detail for finding in findings}
    assert details["tag_spelling"].startswith("<Annotation>, <BndBox>, <Difficult>")
    assert class_names(xml) == {"dog"}


def test_a_fault_is_in_the_line_where_the_file_has_it():
    with pytest.raises(AnnotationError, match="mismatched tag: line 5, "):
        read_annotation(b"\n\n\n<annotation>\n<b></annotation>")


def test_a_namespace_is_no_obstacle():
    xml = XML.format("dog").replace("<annotation>", '<annotation xmlns="urn:x">')
    assert read_annotation(xml.encode()).objects[0].name == "dog"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("traffic\n      light", "traffic light"),
        ("coffee\u2028cup", "coffee cup"),
        ("a \u00a0\t b", "a b"),
        ("Ko\u0308ter", "K\u00f6ter"),
    ],
)
def test_a_name_has_one_form_of_white_space_and_letters(data_set, judge, written, name):
    xml = XML.format(written).encode()
    _, findings, examples = judge(data_set({"a": xml}), known=(name,))
    assert examples["a"].class_names == (name,)
    assert "class_spaced" in {finding.reason for finding in findings}
    assert class_names(xml) == {name}
    # the same in a label map, which ends its lines at \n alone
    assert LabelMap.from_text(f"{written} \r\ndog\n", "x").names[-1] == "dog"


def test_two_forms_of_a_letter_are_one_class_and_told_apart_in_the_report(
    data_set, judge
):
    home = data_set(
        {
            "a": XML.format("Ko\u0308ter").encode(),
            "b": XML.format("K\u00f6ter").encode(),
        }
    )
    tally, findings, _ = judge(home, known=("K\u00f6ter",))
    assert tally.classes == {"K\u00f6ter": 2}
    (detail,) = [f.detail for f in findings if f.reason == "class_spaced"]
    assert detail == r"'Ko\u0308ter' is 'K\xf6ter'"


def test_a_label_map_of_a_config_takes_the_same_form():
    assert LabelMap(("Ko\u0308ter",)).names == ("K\u00f6ter",)
    with pytest.raises(ValueError, match="each class once"):
        LabelMap(("Ko\u0308ter", "K\u00f6ter"))


def test_a_label_map_is_split_at_line_feeds_alone():
    text = "coffee\u2028cup\r\nzebra\x0cfish\n"
    assert LabelMap.from_text(text, "x").names == ("coffee cup", "zebra fish")

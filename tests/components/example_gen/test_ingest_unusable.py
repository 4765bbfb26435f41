"""Whole runs on data of which too little is usable: what is said, what is left."""

import pytest

from schemas.user_error import UserError


def objects_of(voc_xml, voc_object, boxes, **fields):
    return {
        f"i{number}": voc_xml(f"i{number}.jpg", objects=[voc_object(box=box, **fields)])
        for number, box in enumerate(boxes)
    }


def test_nothing_left_is_unusable_and_says_why(run, data_set, tmp_path):
    home = data_set({"a": b"x", "b": b"y"})
    message = "nothing is left of 2 images; reasons: xml_malformed 2"
    with pytest.raises(UserError, match=message):
        run(home)
    assert not (tmp_path / "out").exists()


def test_nothing_left_shows_a_file_with_its_place_and_how_to_mend_it(
    run, data_set, voc_xml
):
    cyrillic = voc_xml().replace(b"dog", "\u043f\u0451\u0441".encode("cp1251"))
    column = cyrillic.index("\u043f".encode("cp1251"))
    with pytest.raises(UserError) as caught:
        run(data_set({"a": cyrillic}))
    line = str(caught.value)
    assert "; for example Annotations/a.xml: " in line
    assert f"line 1, column {column}" in line
    assert 'its first line: <?xml version="1.0" encoding="..."?>' in line


def test_nothing_left_for_another_shape_shows_both_sizes(run, data_set, voc_xml):
    home = data_set({"a": voc_xml(size=(300, 80))})
    message = (
        "for example Annotations/a.xml: <size> 300x80, decoded 100x80; .*pictures that "
        "the boxes were drawn on, or correct <size>"
    )
    with pytest.raises(UserError, match=message):
        run(home)


def test_an_empty_directory_is_unusable(run, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"holds no annotations \(.xml\) and no images"):
        run(tmp_path / "empty")


def test_no_object_left_is_unusable_and_names_the_likely_cause(
    run, data_set, voc_xml, voc_object
):
    # x, y, width, height in the corners: each would end within 100 x 80
    boxes = [(60, 50, 30 + number, 20) for number in range(10)]
    with pytest.raises(UserError) as caught:
        run(data_set(objects_of(voc_xml, voc_object, boxes)))
    message = str(caught.value)
    assert message.startswith("no object is left of 10 in 10 images; reasons: box_inve")
    assert "write xmax = x + width" in message


def test_objects_over_their_budget_are_told_and_written(
    run, data_set, voc_xml, voc_object
):
    boxes = [(60, 50, 30, 20), *[(11, 21, 50, 60)] * 9]
    report, _ = run(data_set(objects_of(voc_xml, voc_object, boxes)))
    assert (report["objects_written"], report["objects_dropped"]) == (9, 1)
    assert report["details"]["verdict"].startswith(
        "1 of 10 objects dropped, more than 5% (the corners look like x, y, width, hei"
    )


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        (
            "<bbox><xmin>11</xmin><ymin>21</ymin><xmax>50</xmax><ymax>60</ymax></bbox>",
            "no <bndbox> among <name>, <bbox>; ",
        ),
        (
            "<bndbox><x>11</x><y>21</y><width>39</width><height>39</height></bndbox>",
            "no xmin, ymin, xmax, ymax among <x>, <y>, <width>, <height>; ",
        ),
        ("<robndbox><cx>1</cx></robndbox>", "no xmin, ymin, xmax, ymax; "),
    ],
)
def test_objects_whose_box_is_called_otherwise_are_shown(
    run, data_set, voc_xml, shape, told
):
    xml = voc_xml(objects=[f"<object><name>dog</name>{shape}</object>"])
    with pytest.raises(UserError) as caught:
        run(data_set({"a": xml}))
    assert f"for example Annotations/a.xml: {told}objects lack a box: " in str(
        caught.value
    )


def test_equal_boxes_in_one_object_are_one(reasons_of_object, voc_object):
    box = "<xmin>11</xmin><ymin>21</ymin><xmax>{}</xmax><ymax>60</ymax>"
    twice = "<bndbox>" + box.format(50) + "</bndbox>"
    other = "<bndbox>" + box.format(51) + "</bndbox>"
    assert reasons_of_object(extra=twice) == {}
    assert reasons_of_object(extra=other) == {"box_repeated": "keep"}

"""`voc-pipeline score` of a VOC data set: the same numbers as of a COCO file."""

import pytest


@pytest.mark.parametrize("layout", ["year", "flat"])
def test_voc_directory_has_the_numbers_of_the_same_coco_file(
    write_json, report_of, voc_results, voc, files, tmp_path, layout
):
    results = write_json(tmp_path / "voc_dt.json", voc_results())
    directory = voc if layout == "year" else voc / "Annotations"
    plain = report_of(directory, results, "--difficult", "plain")
    expected = report_of(*files, "--difficult", "plain")
    assert plain["per_class"] == expected["per_class"]
    assert plain["AP"] == expected["AP"]
    assert plain["images"] == 3
    voc10 = report_of(directory, results, "--protocol", "voc10")
    assert voc10["per_class"]["cat"]["mAP"] == pytest.approx(5 / 6)


def test_difficult_modes_move_the_number(write_json, report_of, voc, tmp_path):
    """A bird found by IoU 1 in one image; the other, missed, is difficult.

    plain: recall 1/2, so AP 51/101. ignore, crowd: it does not count, so AP 1.
    """
    found = [{"image_id": 7, "category_id": 1, "bbox": [60, 20, 30, 50], "score": 0.5}]
    results = write_json(tmp_path / "found.json", found)
    for mode, expected in (("plain", 51 / 101), ("crowd", 1), ("ignore", 1)):
        report = report_of(voc, results, "--difficult", mode)
        assert report["difficult"] == mode
        assert report["per_class"]["bird"]["AP"] == pytest.approx(expected)


def test_label_map_gives_the_category_ids(
    write_json, report_of, voc_results, voc, files, tmp_path
):
    label_map = tmp_path / "labels.txt"
    label_map.write_text("zebra\ncat\nbird\n")
    rows = [
        {**row, "category_id": {1: 3, 2: 2}[row["category_id"]]}
        for row in voc_results()
    ]
    results = write_json(tmp_path / "voc_dt.json", rows)
    options = ("--label-map", str(label_map), "--difficult", "plain")
    report = report_of(voc, results, *options)
    assert list(report["per_class"]) == ["zebra", "cat", "bird"]
    assert report["per_class"]["zebra"]["AP"] == -1
    assert report["AP"] == report_of(*files, "--difficult", "plain")["AP"]


def test_results_by_another_label_map_than_the_alphabet_are_refused(
    write_json, report_of, score, voc_results, voc, files, tmp_path, capsys
):
    """The model knows a zebra, too, and predict's label map lies beside its results."""
    (tmp_path / "found").mkdir()
    label_map = tmp_path / "found" / "label_map.txt"
    label_map.write_text("cat\nbird\nzebra\n")
    rows = [
        {**row, "category_id": {1: 2, 2: 1}[row["category_id"]]}
        for row in voc_results()
    ]
    results = write_json(tmp_path / "found" / "results.json", rows)

    assert score(voc, results) == 2

    assert capsys.readouterr().err == (
        f"voc-pipeline score: category 1 of the results is 'cat' by {label_map}, and "
        f"'bird' by the alphabet of {voc}: add --label-map {label_map}\n"
    )
    options = ("--label-map", str(label_map), "--difficult", "plain")
    report = report_of(voc, results, *options)
    assert report["AP"] == report_of(*files, "--difficult", "plain")["AP"]
    label_map.write_text("bird\ncat\nzebra\n")  # the same places
    assert score(voc, results) == 0


def test_image_set_limits_the_images(write_json, report_of, voc_results, voc, tmp_path):
    sets = voc / "ImageSets" / "Main"
    sets.mkdir(parents=True)
    (sets / "test.txt").write_text("000007\r\nempty\r\n")
    rows = [row for row in voc_results() if row["image_id"] != 3]
    results = write_json(tmp_path / "test_dt.json", rows)
    report = report_of(voc, results, "--image-set", "test")
    assert report["images"] == 2
    assert report["per_class"]["cat"]["AP"] == pytest.approx(1)


def test_results_of_images_beyond_the_set_are_left_out_where_told_so(
    write_json, score, report_of, voc_results, voc, tmp_path, capsys
):
    sets = voc / "ImageSets" / "Main"
    sets.mkdir(parents=True)
    (sets / "test.txt").write_text("000007\nempty\n")
    results = write_json(tmp_path / "all_dt.json", voc_results())
    assert score(voc, results, "--image-set", "test") == 2
    error = capsys.readouterr().err
    assert f"has an 'image_id' that is not in {voc} (image set test)" in error
    assert "--ignore-unknown-images leaves it out" in error
    options = ("--image-set", "test")
    whole = report_of(voc, results, *options, "--ignore-unknown-images")
    rows = [row for row in voc_results() if row["image_id"] != 3]
    left_out = len(voc_results()) - len(rows)
    assert whole.pop("notes")[1:] == [f"results of unknown images left out: {left_out}"]
    few = report_of(voc, write_json(tmp_path / "few.json", rows), *options)
    assert len(few.pop("notes")) == 1  # that there are no pictures
    assert whole == few


def test_what_ingest_leaves_out_is_left_out_and_told(
    write_json, score, report_of, voc_xml, voc_results, voc, tmp_path, capsys
):
    results = write_json(tmp_path / "voc_dt.json", voc_results())
    before = report_of(voc, results)
    odd = voc / "Annotations"
    inverted, no_number = ("cat", (50, 1, 10, 5), 0), ("cat", (50, 1, "NaN", 5), 0)
    (odd / "odd.xml").write_text(voc_xml([inverted, no_number]))
    (odd / "broken.xml").write_text("<annotation><object>")
    report = report_of(voc, results)
    assert report["notes"] == [
        "objects not scored, as in ingest: box_inverted 1, box_not_finite 1",
        "images not scored, as in ingest: xml_malformed 1",
        "images scored that ingest rejects: image_missing 4",
    ]
    assert (before["images"], report["images"]) == (3, 4)
    assert report["AP"] == before["AP"]
    assert score(voc, results) == 0
    assert " images not scored, as in ingest: xml_mal" in capsys.readouterr().out


def test_settings_of_ingest_come_by_option_and_by_the_same_file(
    voc, write_json, voc_results, report_of, tmp_path
):
    results = write_json(tmp_path / "voc_dt.json", voc_results())
    before = report_of(voc, results)
    config = write_json(tmp_path / "run.json", {"ingest": {"corners": "zero_based"}})
    by_file = report_of(voc, results, "--config", str(config))
    assert by_file == report_of(voc, results, "--corners", "zero_based")
    assert "corners zero_based: set so" in by_file["notes"]
    options = ("--config", str(config), "--corners", "auto")
    assert report_of(voc, results, *options) == before

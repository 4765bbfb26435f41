import json
import re

import pytest
from PIL import Image

from pipeline.__main__ import main

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

# The one box is the whole picture, a dog of score .5. Name -> (size, objects)
IMAGES = {
    "a": ((40, 30), [("dog", (0, 0, 40, 30))]),  # IoU 1
    "b": ((40, 30), [("dog", (0, 0, 24, 30)), ("cat", (1, 2, 9, 9))]),  # IoU .6
    "c": ((33, 57), [("cat", (3, 5, 30, 50))]),
}


def write_voc(folder):
    for name in ("Annotations", "JPEGImages"):
        (folder / name).mkdir(parents=True)
    for name, ((width, height), objects) in IMAGES.items():
        picture = Image.linear_gradient("L").resize((width, height))
        picture.rotate(90 * len(objects)).save(folder / "JPEGImages" / f"{name}.jpg")
        rows = "".join(
            f"<object><name>{label}</name><bndbox><xmin>{left + 1}</xmin>"
            f"<ymin>{top + 1}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax>"
            "</bndbox></object>"
            for label, (left, top, right, bottom) in objects
        )
        (folder / "Annotations" / f"{name}.xml").write_text(
            f"<annotation><filename>{name}.jpg</filename><size><width>{width}</width>"
            f"<height>{height}</height><depth>3</depth></size>{rows}</annotation>"
        )


def run_json(capsys, *arguments):
    status = main([*map(str, arguments), "--json"])
    return status, json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def place(tmp_path_factory, save_one_box):
    folder = tmp_path_factory.mktemp("evaluate")
    save_one_box(folder / "root" / "served" / "7")
    write_voc(folder / "voc")
    return folder


def test_a_voc_data_set_scores_as_its_exported_detections_do(place, capsys):
    voc, out = place / "voc", place / "out"
    pattern = place / "v{SPAN}c"  # no number
    assert main(["evaluate", str(place / "root"), str(pattern)]) == 2
    assert "no span matches" in capsys.readouterr().err
    (place / "span-8").symlink_to(voc)
    newest = place / "span-{SPAN}"
    status, found = run_json(
        capsys, "evaluate", place / "root", newest, "--output", out
    )
    assert status == 0
    assert (found["images"], found["objects"]) == (3, 4)
    # Of the dogs one has IoU 1, one .6: at .5, .55 and .6 both are hits; then one of
    # two, the first, and 51 of 101 recalls. Cats are not found: 0. Each of 10 IoUs.
    dogs = (3 + 7 * 51 / 101) / 10
    assert found["metrics"]["AP/dog"] == pytest.approx(dogs, abs=1e-9)
    assert found["metrics"]["AP/cat"] == 0
    assert found["metrics"]["AP"] == pytest.approx(dogs / 2, abs=1e-9)

    files = ["--detections", out / "results.json", "--label-map", out / "label_map.txt"]
    _, scored = run_json(capsys, "score", "--data", voc, *files)
    twelve = {name: value for name, value in scored.items() if re.match("A[PR]", name)}
    measured = found["metrics"]
    assert len(twelve) == 12
    assert twelve == {k: -1 if measured[k] is None else measured[k] for k in twelve}


def test_the_report_is_whole_but_for_the_run(place):
    page = (place / "out" / "report.html").read_text()
    assert 'href="data.html"' in page
    assert 'id="verdict"' not in page
    assert '"file": "a.jpg"' in page
    assert (place / "out" / "data.html").exists()


def test_what_ingest_wrote_is_evaluated_by_split(place, capsys):
    ingested = place / "ingested"
    arguments = ["--data", str(place / "voc"), "--output", str(ingested), "--quiet"]
    assert main(["ingest", *arguments]) in (0, 1)
    splits = sorted(path.name for path in ingested.glob("**/Split-*"))
    status, found = run_json(
        capsys, "evaluate", place / "root", ingested, "--split", "train"
    )
    assert "Split-train" in splits
    assert status == 0
    assert found["split"] == "train"
    assert found["report"] == ""
    assert main(["evaluate", str(place / "root"), str(ingested), "--split", "x"]) == 2
    assert "has no split 'x'; there are: " in capsys.readouterr().err


def test_bad_input_is_one_line(place, tmp_path, capsys):
    model, voc = str(place / "root"), str(place / "voc")
    (tmp_path / "mine.txt").touch()
    assert main(["evaluate", model, voc, "--output", str(tmp_path)]) == 2
    assert "holds other files than an evaluation's" in capsys.readouterr().err
    inside = str(tmp_path / "mine.txt" / "out")
    assert main(["evaluate", model, voc, "--output", inside]) == 2
    assert "cannot be written (Not a directory)" in capsys.readouterr().err
    assert main(["evaluate", model, str(tmp_path / "none")]) == 2
    assert "no such data" in capsys.readouterr().err
    assert main(["evaluate", voc, voc]) == 2
    assert "holds no model" in capsys.readouterr().err


def test_what_is_refused_late_keeps_its_log(place, tmp_path, write_examples, capsys):
    import dataclasses

    import tensorflow as tf

    from schemas.label_map import LabelMap
    from schemas.tf_example import decode_example, encode_example

    (tmp_path / "Split-test").mkdir()
    (tmp_path / "label_map.txt").write_text("dog\n")
    shard = write_examples(tmp_path / "Split-test/a.gz", {"a": (40, 30, [])})
    (record,) = tf.data.TFRecordDataset(shard, "GZIP").as_numpy_iterator()
    whole = decode_example(record)
    cut = dataclasses.replace(whole, encoded_image=whole.encoded_image[:-20])
    with tf.io.TFRecordWriter(shard, "GZIP") as writer:
        writer.write(encode_example(cut, LabelMap(("dog",))))
    out = tmp_path / "out"
    command = ["evaluate", str(place / "root"), str(tmp_path), "--output", str(out)]

    for _ in range(2):  # the folder is its own
        assert main([*command, "--quiet"]) == 2
        said = capsys.readouterr().err
        assert "image 'a' in " in said
        assert said.endswith(f"; log: {out}/evaluate.log\n")
        assert [path.name for path in out.iterdir()] == ["evaluate.log"]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_store_that_does_not_answer_ends_with_its_own_status(
    place, tmp_path, monkeypatch, capsys, is_there
):
    from components.example_gen.source import s3  # knows Beam

    out = tmp_path / "out"
    if is_there:
        out.mkdir()
        (out / "evaluate.log").touch()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3._client.cache_clear()
    command = ["evaluate", str(place / "root"), "s3://voc/7", "--output", str(out)]

    assert main([*command, "--quiet"]) == 69

    s3._client.cache_clear()
    assert "s3://voc/7: Could not connect" in capsys.readouterr().err
    assert out.exists() == is_there


def test_images_that_the_model_learned_from_are_told(place, tmp_path, capsys):
    import hashlib
    import shutil

    version = tmp_path / "7"
    shutil.copytree(place / "root" / "served" / "7", version)
    image = (place / "voc" / "JPEGImages" / "a.jpg").read_bytes()
    digest = hashlib.sha256(image).hexdigest()[:16]
    learned = version / "assets.extra" / "learned_from.txt"
    learned.write_text(f"0123456789abcdef\n{digest}\n")

    assert main(["evaluate", str(version), str(place / "voc"), "--json"]) == 0
    said = capsys.readouterr()
    assert f"{version} learned from 1 of these 3 images" in said.err
    assert json.loads(said.out)["learned_from"] == 1


def test_a_model_of_other_classes_is_bad_input(tmp_path, place, save_one_box, capsys):
    version = save_one_box(tmp_path / "7", class_names=("crate",))
    into = ["--output", str(tmp_path / "out")]
    for command in (["evaluate", *into], ["evaluate"], ["labels", *into]):
        name, *options = command
        assert main([name, version, str(place / "voc"), *options]) == 2
        said = capsys.readouterr().err
        assert "share no class: the model knows 'crate'; the data have 'cat'" in said
        assert said.replace("loading TFX\n", "").count("\n") == 1
        assert command[0] == "labels" or not (tmp_path / "out").exists()


def recorded(save_one_box, folder, **ingest):
    """A version whose push.json says how the data of its run were read."""
    from components.baseline.push_record import PushRecord

    save_one_box(folder)
    record = PushRecord(
        fingerprint="",
        judged_against="",
        model_digest="",
        origin={"ingest": ingest | {"of_a_newer_release": 1}},
    )
    (folder / "assets.extra/push.json").write_text(record.to_json())
    return folder


def test_data_are_read_as_the_models_own_were_unless_it_is_told(
    place, tmp_path, save_one_box, capsys
):
    model = recorded(save_one_box, tmp_path / "8", min_box_px=10, eval_fraction=0.9)
    out = tmp_path / "out"
    command = ["evaluate", model, place / "voc"]

    # The cat of 8 x 7 px is dropped; one of 27 x 45 and two dogs stay.
    _, found = run_json(capsys, *command, "--output", out)
    assert found["objects"] == 3
    said = "read as the data of MODEL were: min_box_px 10.0"
    assert found["reading"] == f"annotations {said}"
    assert said in (out / "report.html").read_text()

    _, found = run_json(capsys, *command, "--min-box-px", "3")
    assert found["objects"] == 4
    assert found["reading"].endswith("but for what is given here: min_box_px 3.0")

    config = tmp_path / "weekly.yaml"
    config.write_text("ingest: {unknown_class: drop}")
    _, found = run_json(capsys, *command, "--config", config)  # it knows no cats
    assert found["objects"] == 2
    assert "AP/cat" not in found["metrics"]


def test_of_tfrecords_the_way_that_a_newer_release_reads_matters_not(
    place, tmp_path, save_one_box, capsys
):
    model = recorded(save_one_box, tmp_path / "8", corners="as of a newer release")
    ingested = tmp_path / "ingested"
    main(["ingest", str(place / "voc"), "--output", str(ingested), "--quiet"])
    capsys.readouterr()
    status, found = run_json(capsys, "evaluate", model, ingested, "--split", "train")
    assert (status, found["reading"]) == (0, "")
    assert main(["evaluate", str(model), str(place / "voc")]) == 2
    assert "use the release that made it" in capsys.readouterr().err


def test_settings_that_are_none_or_come_too_late_are_refused(place, tmp_path, capsys):
    model, voc = str(place / "root"), str(place / "voc")
    assert main(["evaluate", model, voc, "--min-inside", "2"]) == 2
    assert "0 <= min_inside <= 1" in capsys.readouterr().err
    ingested = str(tmp_path / "ingested")
    main(["ingest", voc, "--output", ingested, "--quiet"])
    capsys.readouterr()
    assert main(["evaluate", model, ingested, "--corners", "labelimg"]) == 2
    said = capsys.readouterr().err
    assert "--corners says how a VOC data set is read" in said
    assert "give --corners to `ingest`" in said


@pytest.mark.parametrize("is_there", [True, False])
def test_ctrl_c_leaves_what_was_there(place, tmp_path, monkeypatch, capsys, is_there):
    out = tmp_path / "out"
    if is_there:
        out.mkdir()
        for name in ("evaluate.log", "report.html"):
            (out / name).write_text("of another day\n")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.evaluation.evaluate.write_results", interrupted)
    command = ["evaluate", str(place / "root"), str(place / "voc"), "--quiet"]
    assert main([*command, "--output", str(out)]) == 130
    said = capsys.readouterr().err
    assert "no result was written; the same command starts anew" in said
    assert out.exists() == is_there
    if is_there:
        assert (out / "report.html").read_text() == "of another day\n"
        assert {path.name for path in out.iterdir()} == {"evaluate.log", "report.html"}

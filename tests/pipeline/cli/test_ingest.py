"""The command: exit status, one line on bad input, what --json prints."""

import argparse
import io
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from components.example_gen.rules import hints
from pipeline.__main__ import main
from pipeline.cli import ingest
from pipeline.presets import preset
from schemas.config_json import to_json

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def jpeg(color):
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), color).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def voc(tmp_path, monkeypatch):
    """Four images in `my data/`, from where the command is run."""
    home = tmp_path / "my data"
    for folder in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (home / folder).mkdir(parents=True)
    for index, name in enumerate("abcd"):
        (home / f"Annotations/{name}.xml").write_text(
            f"<annotation><filename>{name}.jpg</filename><size><width>60</width>"
            "<height>40</height><depth>3</depth></size><object><name>dog</name>"
            "<pose>Left</pose><truncated>0</truncated><difficult>0</difficult><bndbox>"
            "<xmin>1</xmin><ymin>1</ymin><xmax>20</xmax><ymax>20</ymax></bndbox>"
            "</object></annotation>"
        )
        (home / f"JPEGImages/{name}.jpg").write_bytes(jpeg((60 * index, 10, 200)))
    (home / "ImageSets/Main/train.txt").write_text("a\nb\nc\n")
    (home / "ImageSets/Main/val.txt").write_text("d\n")
    monkeypatch.chdir(tmp_path)
    return home


def test_clean_data_is_status_0(voc, capsys):
    assert main(["ingest", "my data/", "--output", "my out"]) == 0
    printed = capsys.readouterr().out
    assert "4 of 4 images, 4 of 4 objects (train 3, eval 1)" in printed
    assert "splits from ImageSets/Main (train.txt, val.txt)\n" in printed
    assert json.loads(Path("my out/report.json").read_text())["splits"] == {
        "train": 3,
        "eval": 1,
    }


def test_a_warning_is_explained_and_a_note_is_counted(voc, capsys):
    (voc / "JPEGImages/a.jpg").write_bytes(jpeg((60, 10, 200)))  # as b's
    annotation = voc / "Annotations/a.xml"
    annotation.write_text(annotation.read_text().replace("<pose>Left</pose>", ""))
    main(["ingest", str(voc), "--output", "out"])
    lines = capsys.readouterr().out.splitlines()
    assert "       1  pose_absent" in lines
    (told,) = (line for line in lines if "duplicate_image" in line)
    meaning = "The same content under another name in the same split"
    assert told == f"       1  duplicate_image  warning: {meaning}"


@pytest.mark.parametrize("output", ["./out", "~/out"])
def test_a_replay_does_not_replace_the_run_that_it_is_of(
    voc, capsys, monkeypatch, output
):
    monkeypatch.setenv("HOME", os.getcwd())
    (voc / "Annotations/a.xml").write_text("<annotation>")
    budget = "--max-rejected-images=1"
    assert main(["ingest", str(voc), "--output", "out", budget]) == 0
    before = Path("out/report.json").read_bytes()
    replay = ["ingest", str(voc), "--output", output, "--replay", "out/rejects.jsonl"]
    assert main(replay) == 2
    assert "would lose it: name another output" in capsys.readouterr().err
    assert Path("out/report.json").read_bytes() == before


def test_what_messages_advise_to_type_is_an_option(voc, capsys):
    (voc / "ImageSets/Main/val.txt").write_text("a\nd\n")
    command = ["ingest", str(voc), "--output", "out"]
    assert main(command) == 1
    assert "or --allow-leaks (in a run" in capsys.readouterr().err
    assert main([*command, "--allow-leaks"]) == 0


def test_every_setting_that_is_advised_has_its_option():
    parser = argparse.ArgumentParser()
    ingest.add_arguments(parser)
    code = "".join(p.read_text() for p in Path(hints.__file__).parents[1].rglob("*.py"))
    advised = re.findall(r"typed\(\s*['\"](\w+)['\"]", code)
    assert len(advised) >= 8
    for field in advised:
        assert f"--{field.replace('_', '-')}" in parser.format_usage()


@pytest.mark.parametrize(("option", "logged"), [([], 0), (["--json"], 1)])
def test_what_is_printed_is_not_logged_as_well(voc, caplog, option, logged):
    with caplog.at_level(logging.INFO):
        assert main(["ingest", str(voc), "--output", "out", *option]) == 0
    assert caplog.text.count("splits from ImageSets/Main") == logged


def test_json_prints_the_report_and_nothing_else(voc, capsys):
    assert main(["ingest", str(voc), "--output", "out", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(
        Path("out/report.json").read_text()
    )


def test_over_budget_is_status_1_and_the_report_is_there(voc, capsys):
    (voc / "Annotations/a.xml").write_text("")
    assert main(["ingest", str(voc), "--output", "out"]) == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert "1 of 4 images rejected, more than 5%" in message
    assert "worst reasons: xml_malformed 1; " in message
    assert message.endswith("; see out/report.html")
    assert "xml_malformed" in Path("out/report.html").read_text()
    relaxed = ["--max-rejected-images", "0.25"]  # exactly at the limit is within
    assert main(["ingest", str(voc), "--output", "out", *relaxed]) == 0


def test_a_leak_is_status_1(voc, capsys):
    (voc / "ImageSets/Main/test.txt").write_text("a\n")
    assert main(["ingest", str(voc), "--output", "out"]) == 1
    assert "1 picture is in more than one split: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "no such data set: nowhere"),
        (["my data/JPEGImages"], "JPEGImages holds no annotations (.xml);"),
        (["yolo"], "(.xml): labels/a.txt is YOLO's; convert them to Pascal VOC"),
        (["my data/JPEGImages/a.jpg"], "is a file"),
        (["my data-{SPAN}"], "no span matches"),
        (["my data", "--label-map", "nowhere.txt"], "label map nowhere.txt cannot be"),
        (
            ["my data", "--label-map", "cats.txt"],
            "lacks 'dog' (4 objects); it knows: c",
        ),
        (
            ["my data", "--config", "odd.json"],
            "--config odd.json: ingest has no field 'colour'",
        ),
        (["my data", "--config", "cut.json"], "--config cut.json: no JSON: Expecting"),
        (["my data", "--min-box-px", "-1"], "min_box_px >= 0"),
        (["my data", "--replay", "cats.txt"], "is no rejects.jsonl"),
    ],
)
def test_bad_input_is_status_2_and_one_line(voc, capsys, arguments, message):
    Path("cats.txt").write_text("cat\n")
    Path("odd.json").write_text('{"colour": 1}')
    Path("cut.json").write_text("{")
    for name, raw in (("images/a.jpg", jpeg(0)), ("labels/a.txt", b"0 .5 .5 .1 .1")):
        Path("yolo", name).parent.mkdir(parents=True)
        Path("yolo", name).write_bytes(raw)
    assert main(["ingest", *arguments, "--output", "out"]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line]
    assert message in lines[-1]
    assert "Traceback" not in "\n".join(lines)
    assert not (voc.parent / "out").exists()


def test_negatives_without_xml_and_lists_elsewhere_are_told_of(voc, capsys):
    (voc / "Annotations/d.xml").unlink()
    (voc / "test.txt").write_text("a\n")
    assert main(["ingest", str(voc), "--output", "out"]) == 1
    told = capsys.readouterr()
    assert "--unannotated negative" in told.err.splitlines()[-1]
    assert "warning: split_unused: test.txt: lists are read from" in told.out
    again = ["ingest", str(voc), "--output", "out", "--unannotated"]
    assert main([*again, "negative"]) == 0
    assert "4 of 4 images, 3 of 3 objects" in capsys.readouterr().out
    assert main([*again, "ignore"]) == 0
    assert "3 of 3 images, 3 of 3 objects (train 3)" in capsys.readouterr().out


def test_unknown_classes_can_be_dropped_within_a_budget(voc, capsys):
    Path("cats.txt").write_text("cat\n")
    arguments = ["ingest", str(voc), "--output", "out", "--label-map", "cats.txt"]
    arguments += ["--unknown-class", "drop"]
    assert main(arguments) == 2
    assert "no object is left of 4 in 4 images" in capsys.readouterr().err
    path = voc / "Annotations/a.xml"
    path.write_text(path.read_text().replace("dog", "cat"))
    assert main(arguments) == 1
    told = capsys.readouterr()
    assert "3  unknown_class" in told.out
    assert "3 of 4 objects dropped, more than 5% (the label map lacks" in told.err
    assert main([*arguments, "--max-dropped-objects", "0.75"]) == 0


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom pipeline.__main__ import main\n"
        "try:\n    main(['ingest', '--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'apache_beam', 'tensorflow', 'numpy', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_config_takes_what_presets_prints_or_its_ingest_part(tmp_path):
    told = []
    whole = json.loads(to_json(preset("cpu_small")))
    whole["ingest"]["max_rejected_images"] = 0.25
    for tree in (whole, whole["ingest"]):
        path = tmp_path / "settings.json"
        path.write_text(json.dumps(tree))
        parser = argparse.ArgumentParser()
        ingest.add_arguments(parser)
        words = ["data", "--output", "out", "--config", str(path)]
        told.append(ingest._config(parser.parse_args(words)))
    assert told[0] == told[1]
    assert told[0].max_rejected_images == 0.25

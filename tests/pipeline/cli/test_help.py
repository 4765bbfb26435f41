"""Help, mistakes and completion, the same in every command."""

import argparse
import importlib
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from pipeline.__main__ import COMMANDS, main
from pipeline.cli.parser import CommandParser

ROOT = Path(__file__).parents[3]


def parser_of(command):
    parser = CommandParser(prog=f"voc-pipeline {command}")
    importlib.import_module(COMMANDS[command][0]).add_arguments(parser)
    return parser


def options_of(parser):
    """Every option, also those of a command's actions."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from options_of(below)
        elif action.help != argparse.SUPPRESS:
            yield action


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_help_and_shows_its_default(command):
    parser = parser_of(command)
    one_of = [o for g in parser._mutually_exclusive_groups for o in g._group_actions]
    for option in options_of(parser):
        assert option.help, option
        required = option.required or option in one_of
        if not option.option_strings or required or option.nargs == 0:
            continue
        shown = parser._get_formatter()._get_help_string(option)
        assert "default" in shown, option.option_strings


@pytest.mark.parametrize("columns", [70, 80])
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_the_width(command, columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(columns))
    try:
        status = main([command, "--help"] if command else ["--help"])
    except SystemExit as ended:
        status = ended.code
    assert status == 0
    lines = capsys.readouterr().out.split("\n")
    assert [line for line in lines if len(line) > columns] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rum"], "no command 'rum' (did you mean 'run'?); there are: run, retrain"),
        (["score"], "required: --data/--ground-truth, --detections; see voc-pipeline"),
        (
            ["score", "--dta", "x", "--detections=y"],
            "--ground-truth; there is no --dta (did you mean '--data'?); see voc",
        ),
        (
            ["presets", "--jsn"],
            "voc-pipeline presets: unrecognized arguments: --jsn (did you mean "
            "'--json'?); see voc-pipeline presets --help",
        ),
        (["presets", "smok"], "no preset 'smok' (did you mean 'smoke'?); there are"),
        (
            ["ingest", "--data", "d", "--output", "o", "--runner", "flnk"],
            "'spark', 'dataflow') (did you mean 'flink'?); see voc-pipeline ingest",
        ),
        (
            ["ingest", "d", "--output", "o", "--beam-arg", "--flink_master=h:1"],
            "expected one argument, and '--flink_master=h:1' looks like an option: "
            "write --beam-arg=--flink_master=h:1; see voc-pipeline ingest --help",
        ),
        (
            ["ingest", "d", "--output", "--quiet"],
            "argument --output: expected one argument before the option --quiet; see",
        ),
        (
            ["ingest", "d", "--output", "o", "--beam-arg", "--runner=prism"],
            "argument --beam-arg: expected one argument before the option "
            "--runner=prism; see",
        ),
        (["ingest", "d", "--output=o", "--beam-arg=--"], "--flag=value, and the runn"),
        (["ingest", "d", "--output", "o", "--runner=--"], "invalid choice: '--' (choo"),
        (["ingest", "d", "--output"], "--output: expected one argument; see voc"),
        (["export", "m", "--format", "onx"], "'onnx') (did you mean 'onnx'?); see"),
        (["compile", "--output", "x"], "required: --image, --data, --push-destination"),
    ],
)
def test_a_mistake_is_one_line_with_what_was_meant(arguments, message, capsys):
    try:
        status = main(arguments)
    except SystemExit as ended:
        status = ended.code
    assert status == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_the_version_is_the_installed_one(capsys):
    assert main(["--version"]) == 0
    assert (
        capsys.readouterr().out == f"voc-pipeline {metadata.version('voc-pipeline')}\n"
    )


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("voc-pipeline show", {"show-data "}),
        ("voc-pipeline run --pre", {"--preset "}),
        ("voc-pipeline run --preset voc_r50", {"voc_r50_modern "}),
        (
            "voc-pipeline run --set trainer.model.loss.b",
            {"trainer.model.loss.box=", "trainer.model.loss.box_weight="},
        ),
    ],
)
def test_the_shell_completes(typed, expected, tmp_path):
    # As bash calls it; the answer comes on file descriptor 8, here through a file.
    answer = tmp_path / "answer"
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_SHELL": "bash",
        "COMP_LINE": typed,
        "COMP_POINT": str(len(typed)),
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
    }
    subprocess.run(
        [sys.executable, "-m", "pipeline"], env=environment, check=True, timeout=60
    )
    found = set(answer.read_text().split("\x0b"))
    assert {each.rstrip() for each in found} == {each.rstrip() for each in expected}

"""`voc-pipeline submit --if-changed`, against a server on loopback."""

import json
import pathlib

import pytest

from pipeline.__main__ import main
from pipeline.on_kubeflow.server import Server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """No waiting between the tries."""
    monkeypatch.setattr(Server.__init__, "__defaults__", ("", 0.0))


@pytest.fixture
def data(tmp_path):
    """All that a digest reads of a data set."""
    folder = tmp_path / "voc"
    (folder / "Annotations").mkdir(parents=True)
    (folder / "Annotations/a.xml").write_text("<annotation/>")
    return folder


def submit(kfp, package, data, *options):
    arguments = ["submit", "--host", kfp.url, "--package", package, "--if-changed"]
    return main([*arguments, "--set", f"data={data}", *options])


def end(kfp, state="SUCCEEDED"):
    kfp.runs[-1]["state"] = state


def test_the_same_again_ends_at_once_and_says_so(kfp, package, data, capsys):
    assert submit(kfp, package, data) == 0
    end(kfp)
    capsys.readouterr()

    assert submit(kfp, package, data, "--wait") == 0

    told = capsys.readouterr()
    assert len(kfp.runs) == 1
    assert told.out == "UNCHANGED r0\n"
    assert kfp.runs[0]["display_name"] in told.err
    assert "the same data, code and config" in told.err


def test_programs_are_told_too(kfp, package, data, capsys):
    submit(kfp, package, data)
    end(kfp)
    capsys.readouterr()

    submit(kfp, package, data, "--json")

    told = json.loads(capsys.readouterr().out)
    assert (told["state"], told["run_id"]) == ("UNCHANGED", "r0")


def test_another_root_or_name_makes_no_other_model(kfp, package, data):
    submit(kfp, package, data)
    end(kfp)
    submit(kfp, package, data, "--root", "gs://b/root", "--run-name", "again")
    assert len(kfp.runs) == 1


def edit_data(data, package):
    (data / "Annotations/a.xml").write_text("<annotation><object/></annotation>")


def edit_package(data, package):
    with open(package, encoding="utf-8") as file:
        text = file.read()
    with open(package, "w", encoding="utf-8") as file:
        file.write(text.replace("{name: voc-demo}", "{name: voc-demo-2}"))


def edit_nothing(data, package):
    pass


@pytest.mark.parametrize(
    ("edit", "options"),
    [
        (edit_data, ()),
        (edit_package, ()),  # code, config and image are in it
        (edit_nothing, ("--set", "train_steps=7")),
    ],
)
def test_whatever_changes_a_model_starts_a_run(kfp, package, data, edit, options):
    submit(kfp, package, data)
    end(kfp)
    edit(data, package)

    assert submit(kfp, package, data, *options) == 0
    assert len(kfp.runs) == 2


@pytest.mark.parametrize("state", ["FAILED", "RUNNING", "CANCELED"])
def test_a_run_that_has_not_succeeded_is_no_reason_to_stop(kfp, package, data, state):
    submit(kfp, package, data)
    end(kfp, state)

    submit(kfp, package, data)

    assert len(kfp.runs) == 2


def test_a_failed_run_after_the_last_finished_one_changes_nothing(kfp, package, data):
    submit(kfp, package, data)
    end(kfp)
    submit(kfp, package, data, "--set", "train_steps=7")
    end(kfp, "FAILED")

    submit(kfp, package, data)

    assert len(kfp.runs) == 2


def test_a_finished_run_of_something_else_came_after(kfp, package, data):
    submit(kfp, package, data)
    end(kfp)
    submit(kfp, package, data, "--set", "train_steps=7")
    end(kfp)

    submit(kfp, package, data)

    assert len(kfp.runs) == 3


OTHER_PLACE = ("--set", "push_destination=gs://served-2")


def test_a_run_for_another_push_destination_is_passed_over(kfp, package, data):
    submit(kfp, package, data)
    end(kfp)
    submit(kfp, package, data, *OTHER_PLACE)
    end(kfp)

    submit(kfp, package, data)
    submit(kfp, package, data, *OTHER_PLACE)

    assert len(kfp.runs) == 2


def test_a_run_of_another_pipeline_is_passed_over(kfp, package, data):
    submit(kfp, package, data)
    end(kfp)
    other = f"{package}.other.yaml"
    pathlib.Path(other).write_text(
        pathlib.Path(package).read_text().replace("voc-demo", "voc-2")
    )
    submit(kfp, other, data)
    end(kfp)

    submit(kfp, package, data)
    submit(kfp, other, data)

    assert len(kfp.runs) == 2


@pytest.mark.parametrize("description", [None, "from the UI, to try it"])
def test_a_run_that_does_not_say_what_it_is_for_may_be_anything(
    kfp, package, data, description
):
    submit(kfp, package, data)
    end(kfp)
    kfp.runs.append({**kfp.runs[0], "run_id": "r1", "description": description})

    submit(kfp, package, data)

    assert len(kfp.runs) == 3


def test_a_run_whose_data_were_not_read_came_after(kfp, package, data):
    submit(kfp, package, data)
    end(kfp)
    arguments = ["submit", "--host", kfp.url, "--package", package]
    assert main([*arguments, "--set", f"data={data}"]) == 0
    end(kfp)

    submit(kfp, package, data)

    assert len(kfp.runs) == 3


def test_runs_of_the_named_experiment_are_compared_with(kfp, package, data):
    nightly = ("--experiment", "nightly")
    submit(kfp, package, data, *nightly)
    end(kfp)

    submit(kfp, package, data)
    assert len(kfp.runs) == 2
    submit(kfp, package, data, *nightly)
    assert len(kfp.runs) == 2


def test_data_that_cannot_be_read_from_here_are_told(kfp, package, tmp_path, capsys):
    assert submit(kfp, package, tmp_path / "nowhere") == 2

    err = capsys.readouterr().err
    assert "nowhere" in err
    assert err.count("\n") == 1
    assert kfp.requests == []

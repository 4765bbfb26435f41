"""One pipeline root through its life: first run, reuse, edits, a refused model.

The tests build on each other, in this order.
"""

import json
import re
import shutil
import tempfile

import pytest
from stage_outputs import stage_outputs

from pipeline.__main__ import main

STAGES = {
    "VocExampleGen",
    "StatisticsGen",
    "SchemaImport",
    "DataGate",
    "Transform",
    "Trainer",
    "BaselineLookup",
    "DetectionEvaluator",
    "ServingCheck",
    "ReportWriter",
    "ModelPusher",
}


class PipelineRoot:
    """A data set, a root, and what the last run printed."""

    def __init__(self, data, root, capsys):
        self.data = data
        self.root = root
        self._capsys = capsys

    def run(self, *options):
        """Runs the smoke preset; returns exit status and summary."""
        arguments = ["--data", str(self.data), "--root", str(self.root)]
        status = main(["run", *arguments, "--preset", "smoke", "--json", *options])
        return status, json.loads(self._capsys.readouterr().out)

    def run_until_it_trains(self):
        """Interrupts a run as its training begins; returns how its stages went."""

        def interrupt(seed):
            raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("keras.utils.set_random_seed", interrupt)
            arguments = ["--data", str(self.data), "--root", str(self.root)]
            assert main(["run", *arguments, "--preset", "smoke"]) == 130
        self._capsys.readouterr()
        assert main(["runs", str(self.root), "--json"]) == 0
        last = json.loads(self._capsys.readouterr().out)[-1]
        return {stage: told["how"] for stage, told in last["stages"].items()}

    def served(self):
        """Names of the versions under the push destination."""
        folder = self.root / "served"
        return sorted(path.name for path in folder.iterdir() if path.name.isdigit())


def ran(summary):
    return {stage for stage, how in summary["stages"].items() if how == "ran"}


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_data):
    folder = tmp_path_factory.mktemp("local")
    shutil.copytree(tiny_data, folder / "data")
    return folder


@pytest.fixture
def root(place, capsys):
    return PipelineRoot(place / "data", place / "root", capsys)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """An empty folder for temporary files, of this process and its children."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_the_first_run_goes_through_every_stage_and_pushes(root, temporary):
    status, summary = root.run()

    assert list(temporary.iterdir()) == []
    assert status == 0
    assert ran(summary) == set(summary["stages"]) == STAGES
    assert summary["blessed"]
    assert summary["serving_problems"] == []
    assert root.served() == [summary["pushed_path"].rpartition("/")[2]]
    for path in (summary[x] for x in ("report", "picture", "curves", "ingest_report")):
        assert (root.root / path).stat().st_size > 0
    pages = ("report.html", "data.html", "index.html")
    report, data, index = ((root.root / page).read_text() for page in pages)
    assert summary["report"] == str(root.root / "report.html")
    assert 'href="data.html"' in report
    assert 'href="index.html"' in report
    assert "0 of 11 stages reused" in report
    assert 'href="report.html"' in data
    (page,) = re.findall('href="(ReportWriter/report/[0-9]+/report.html)"', index)
    assert (root.root / page).exists()


def test_the_second_run_reuses_every_stage(root):
    before = root.served()
    status, summary = root.run()

    assert status == 0
    assert ran(summary) == set()
    assert root.served() == before


def test_a_stricter_gate_reruns_only_what_lies_behind_it_and_refuses(root):
    before = root.served()
    status, summary = root.run("--set", "gate.min_map=0.99")

    assert status == 1
    assert ran(summary) == {"DetectionEvaluator", "ReportWriter", "ModelPusher"}
    assert not summary["blessed"]
    assert any("below the threshold 0.9900" in text for text in summary["reasons"])
    assert summary["pushed_path"] == ""
    assert root.served() == before


def test_edited_code_of_a_stage_reruns_it_and_what_lies_behind(root, monkeypatch):
    from pipeline import pipeline

    digest = pipeline.stage_digest

    def edited(stage):
        return digest(stage) + ("edited" if stage == "ReportWriter" else "")

    monkeypatch.setattr(pipeline, "stage_digest", edited)
    _, summary = root.run()

    assert ran(summary) == {"ReportWriter"}


def test_a_push_that_was_lost_is_made_again_and_nothing_else(root):
    shutil.rmtree(root.root / "served")
    status, summary = root.run()

    assert status == 0
    assert ran(summary) == {"ModelPusher"}
    assert len(root.served()) == 1


def test_a_clock_set_back_does_not_show_an_older_run(root, monkeypatch):
    """A refused run after a blessed one, a day before it by the clock."""
    from ml_metadata import metadata_store

    from pipeline.run.record import latest_run, metadata_path

    status, _ = root.run("--set", "gate.min_map=0.99")
    assert status == 1
    runs = metadata_store.MetadataStore.get_contexts_by_type

    def set_back(store, kind):
        contexts = runs(store, kind)
        if kind == "pipeline_run":
            max(contexts, key=lambda run: run.id).create_time_since_epoch -= 86_400_000
        return contexts

    monkeypatch.setattr(metadata_store.MetadataStore, "get_contexts_by_type", set_back)
    stages = latest_run(metadata_path(str(root.root)))

    blessing = stages["DetectionEvaluator"].outputs["blessing"]
    assert blessing.properties["blessed"] == 0


def test_a_served_version_that_is_no_model_is_refused_before_any_stage(root, capsys):
    broken = root.root / "served" / "99999999999"
    broken.mkdir()
    (broken / "saved_model.pb").write_bytes(b"no graph")
    arguments = ["--data", str(root.data), "--root", str(root.root)]

    status = main(["run", *arguments, "--preset", "smoke"])

    shutil.rmtree(broken)
    assert status == 2
    error = capsys.readouterr().err
    assert f"{broken}, the version that serves, is no detector" in error
    assert "VocExampleGen" not in error


def first_annotation(root):
    return sorted((root.data / "Annotations").iterdir())[0]


def test_an_edited_annotation_reruns_what_reads_data(root):
    path = first_annotation(root)
    path.write_text(path.read_text().replace("Unspecified", "Frontal"))
    status, summary = root.run("--set", "gate.min_map=0.98")

    assert status == 1
    assert STAGES - ran(summary) == {"SchemaImport"}
    assert not summary["blessed"]


def test_a_refused_model_is_pushed_by_hand_with_a_reason(root, capsys):
    """That of the edited annotation."""
    status, summary = root.run("--set", "gate.min_map=0.98")
    assert status == 1
    assert ran(summary) == set()
    before = root.served()

    assert main(["bless", str(root.root), "--because", "a demonstration"]) == 0
    assert main(["why", str(root.root)]) == 0

    said = capsys.readouterr()
    told = said.out
    (version,) = set(root.served()) - set(before)
    assert f"version {version} serves" in told
    assert f"data           {root.data}" in told
    assert "gate.min_map=0.98" in told  # the gate, by which `promote` would judge it
    assert "below the threshold 0.9800" in told
    assert "a demonstration" in told
    assert summary["reasons"][0] in told


def test_what_was_rolled_back_is_not_pushed_again(root, capsys):
    rolled_back = root.served()[-1]
    because = "it detects nothing"
    assert main(["rollback", str(root.root), "--because", because]) == 0
    capsys.readouterr()
    before = root.served()

    status, summary = root.run()

    assert status == 1
    assert f"rollback of {rolled_back} by " in summary["not_pushed"]
    assert because in summary["not_pushed"]
    assert root.served() == before


def test_the_runs_of_a_root_are_listed_with_what_they_came_to(root, capsys):
    assert main(["runs", str(root.root), "--json"]) == 0
    runs = json.loads(capsys.readouterr().out)

    first, second, third = runs[:3]
    assert (first["state"], second["state"], third["state"]) == (
        *("pushed", "pushed"),
        "refused",
    )
    assert {stage["how"] for stage in first["stages"].values()} == {"ran"}
    assert {stage["how"] for stage in second["stages"].values()} == {"reused"}
    assert set(first["stages"]) == STAGES
    assert any("below the threshold 0.9900" in text for text in third["reasons"])
    assert all(one["data"] == str(root.data) for one in runs)
    assert main(["runs", str(root.root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(runs) + 1
    assert "  3 ran, 8 reused  " in lines[3]
    assert lines[3].endswith("  refused by the gate")


def test_old_runs_are_cleaned_away_and_nothing_that_is_needed(root, capsys):
    half_done = root.root / "Trainer" / "model" / "999999"
    half_done.mkdir()  # of no run: not ours to judge
    assert list((root.root / "checkpoints").iterdir())
    served = root.served()

    assert main(["clean", str(root.root), "--keep", "1"]) == 0

    said = capsys.readouterr().out
    assert said.startswith("deleted outputs of runs ")
    assert list((root.root / "checkpoints").iterdir()) == []
    assert len(list((root.root / "logs").iterdir())) == 1
    assert root.served() == served
    models = {path.name for path in (root.root / "Trainer" / "model").iterdir()}
    assert len(models) == 2
    half_done.rmdir()
    # What the kept run used is reused; what only others made, of the annotation as it
    # was, is made anew.
    assert ran(root.run()[1]) <= {"ModelPusher"}
    path = first_annotation(root)
    path.write_text(path.read_text().replace("Frontal", "Unspecified"))
    stages = root.run_until_it_trains()
    assert (stages["Transform"], stages["Trainer"]) == ("ran", "begun")
    assert main(["clean", str(root.root), "--keep", "9999"]) == 0


@pytest.mark.skipif(
    shutil.which("prism") is None,
    reason="no prism on PATH: `make prism` builds it where Go is",
)
def test_on_prism_the_stages_find_the_same(root):
    """As those of the interrupted run, which ended before the model was judged."""

    def found():
        outputs = stage_outputs(root.root)
        del outputs["metrics"]
        return outputs

    here = found()
    assert all(here.values())
    _, summary = root.run("--runner", "prism")
    on_beam = {"VocExampleGen", "StatisticsGen", "Transform", "DetectionEvaluator"}
    assert ran(summary) >= on_beam
    there = found()
    assert [name for name in here if there[name] != here[name]] == []

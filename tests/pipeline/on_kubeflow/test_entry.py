"""The entry point's own work; tests/e2e/test_kubeflow_tasks.py runs whole stages."""

import json
import subprocess
import sys

import pytest

from pipeline.cli.exit_status import ExitStatus
from pipeline.on_kubeflow import entry
from schemas.user_error import RefusedError, UserError

EXAMPLES = {"instanceSchema": "title: tfx.Examples\ntype: object\n"}
MODEL = {"instanceSchema": "title: tfx.Model\ntype: object\n"}
LOGS = {"schemaTitle": "system.Artifact"}
TASK = "minio://mlpipeline/v2/artifacts/voc/run/Trainer/42"
LOCAL = "/minio/mlpipeline/v2/artifacts/voc/run/Trainer/42"
SPEC = {"artifacts": {"examples": {"artifactType": EXAMPLES}}}
OUTPUTS = {"model": "model", "training_run": "model_run"}


def call_with(kind, **parameters):
    """An ExecutorInput as KFP's driver writes it."""
    examples = {"uri": "minio://mlpipeline/x/examples", "type": kind, "name": "7"}
    return {
        "inputs": {
            "artifacts": {"examples": {"artifacts": [examples]}},
            "parameterValues": parameters,
        },
        "outputs": {
            "artifacts": {
                key: {"artifacts": [{"name": key, "uri": f"{TASK}/{key}", "type": t}]}
                for key, t in (
                    ("model", MODEL),
                    ("training_run", MODEL),
                    ("executor-logs", LOGS),
                )
            },
            "outputFile": f"{LOCAL}/output_metadata.json",
        },
    }


@pytest.mark.parametrize(
    ("uri", "folder"),
    [
        ("gs://bucket/a/b", "/gcs/bucket/a/b"),
        ("s3://bucket/a/b", "/s3/bucket/a/b"),
        ("minio://mlpipeline/v2/artifacts", "/minio/mlpipeline/v2/artifacts"),
    ],
)
def test_folders_are_those_of_the_launcher(uri, folder):
    assert entry.local_folder(uri) == folder


def test_a_root_that_the_launcher_does_not_know_is_told_with_those_it_does():
    with pytest.raises(UserError, match=r"/data/root: .* gs://, s3://, minio://"):
        entry.local_folder("/data/root")


@pytest.mark.parametrize(
    "kind",
    [
        {"instanceSchema": ""},  # 2.14 to 2.17
        {"schemaTitle": "title: tfx.Examples\ntype: object\n"},  # 3.0: YAML as title
        {"schemaTitle": "Artifact"},
        {},
    ],
)
def test_inputs_have_the_declared_type_whatever_the_driver_says(kind):
    call = entry.call_for_tfx(call_with(kind), SPEC, OUTPUTS)

    (artifact,) = call["inputs"]["artifacts"]["examples"]["artifacts"]
    assert artifact["type"] == EXAMPLES
    assert artifact["uri"] == "/minio/mlpipeline/x/examples"
    assert artifact["name"] == "7"


def test_only_declared_outputs_reach_tfx_under_its_names():
    call = entry.call_for_tfx(call_with({}), SPEC, OUTPUTS)

    uris = {
        key: [artifact["uri"] for artifact in value["artifacts"]]
        for key, value in call["outputs"]["artifacts"].items()
    }
    assert uris == {"model": [f"{LOCAL}/model"], "model_run": [f"{LOCAL}/training_run"]}


def test_what_tfx_wrote_goes_back_under_the_drivers_names_and_uris():
    told = {
        "artifacts": {
            "model": {"artifacts": [{"uri": f"{LOCAL}/model", "metadata": {"a": 1}}]},
            "model_run": {"artifacts": [{"uri": f"{LOCAL}/training_run"}]},
        }
    }

    back = entry.told_to_launcher(told, call_with({}), OUTPUTS)

    assert back == {
        "artifacts": {
            "model": {"artifacts": [{"uri": f"{TASK}/model", "metadata": {"a": 1}}]},
            "training_run": {"artifacts": [{"uri": f"{TASK}/training_run"}]},
        }
    }


def test_parameters_of_the_run_move_into_the_json_they_are_fields_of():
    call = call_with(
        {},
        train_args='{"splits": ["train"]}',
        train_steps=50.0,
        gate_config='{"min_ap50": 0.5, "min_map": null}',
        min_ap50=0.75,
        data="gs://voc",
    )

    moved = entry.call_for_tfx(call, SPEC, OUTPUTS)["inputs"]["parameterValues"]

    assert moved == {
        "train_args": '{"splits": ["train"], "num_steps": 50}',
        "gate_config": '{"min_ap50": 0.75, "min_map": null}',
        "data": "gs://voc",
    }


@pytest.mark.parametrize(
    ("mistake", "status"),
    [
        (UserError("no data set at gs://voc"), ExitStatus.BAD_INPUT),
        (RefusedError("an anomaly in train"), ExitStatus.REFUSED),
    ],
)
def test_what_the_user_can_mend_is_the_last_line(mistake, status, monkeypatch, capsys):
    def refuse(arguments):
        raise RuntimeError("wrapped [while running 'Ingest']") from mistake

    monkeypatch.setattr(entry, "run", refuse)

    assert entry.main([]) == status
    assert capsys.readouterr().err == f"voc-pipeline: {mistake}\n"


def test_a_failure_of_ours_keeps_its_traceback(monkeypatch, capsys):
    monkeypatch.setattr(entry, "run", lambda arguments: 1 / 0)

    assert entry.main([]) == ExitStatus.CRASHED
    assert capsys.readouterr().err.endswith("ZeroDivisionError: division by zero\n")


def test_the_process_says_what_it_needs():
    command = [sys.executable, "-m", "pipeline.on_kubeflow.entry"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "--outputs" in done.stderr


def test_each_pod_of_a_stage_of_a_run_finds_the_same_checkpoints():
    # KFP's driver makes the salt, here 42; who retries a run may run it again
    folder = "gs://voc/checkpoints/run-Trainer"
    for salt in (42, 43):
        uri = f"gs://voc/root/voc-demo/run/Trainer/{salt}/model"
        assert entry.checkpoint_folder("gs://voc/checkpoints/", uri) == folder


@pytest.mark.parametrize(
    ("told", "handed"),
    [
        ("/data/checkpoints", '{"a": 1, "checkpoint_dir": "/data/checkpoints/run-T"}'),
        ("", '{"a": 1, "checkpoint_dir": ""}'),
    ],
)
def test_the_folder_of_checkpoints_is_one_of_the_run(told, handed):
    custom = json.dumps({"a": 1, "checkpoint_dir": told})
    call = call_with({}, custom_config=custom)

    moved = entry.call_for_tfx(call, SPEC, OUTPUTS)["inputs"]["parameterValues"]

    assert json.loads(moved["custom_config"]) == json.loads(
        handed.replace("run-T", "run-Trainer")
    )


@pytest.mark.parametrize("custom", ["null", '{"source_digest": "x"}'])
def test_stages_without_checkpoints_get_no_folder(custom):
    call = call_with({}, custom_config=custom)

    moved = entry.call_for_tfx(call, SPEC, OUTPUTS)["inputs"]["parameterValues"]

    assert moved == {"custom_config": custom}


def test_what_the_ui_draws_is_an_output_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setitem(entry.LOCAL_FOLDERS, "minio://", f"{tmp_path}/")
    call = call_with({})
    for key in ("report", "page"):
        artifact = {"name": key, "uri": f"minio://b/{key}", "type": LOGS}
        call["outputs"]["artifacts"][key] = {"artifacts": [artifact]}
    (tmp_path / "b/report").mkdir(parents=True)
    (tmp_path / "b/report/report.html").write_text("<p>")

    told = entry.shown_outputs(call, {"page": "report/report.html"})

    assert told == {"page": [{"name": "page", "uri": "minio://b/page", "metadata": {}}]}
    assert (tmp_path / "b/page").read_text() == "<p>"


def test_vertex_names_the_metadata_file_by_its_uri():
    call = call_with({})
    call["outputs"]["outputFile"] = "gs://b/root/7/job/Trainer_-1/executor_output.json"

    told = entry.call_for_tfx(call, SPEC, OUTPUTS)

    path = "/gcs/b/root/7/job/Trainer_-1/executor_output.json"
    assert told["outputs"]["outputFile"] == path

import importlib.util
import json
import struct

import mlflow
import pytest
import wandb
from wandb.proto.wandb_internal_pb2 import Record

from schemas.user_error import UserError
from trainer.training.tracking import require_trackers, tracked

CONFIG = {"seed": 3, "model": {"backbone": "light", "head": {"num_convs": 2}}}


@pytest.fixture
def mlflow_store(tmp_path, monkeypatch):
    """A file store of its own, and a client that reads it."""
    uri = (tmp_path / "mlflow").as_uri()
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return mlflow.MlflowClient(uri)


def only_run(client):
    (run,) = client.search_runs(["0"])
    return run


def test_mlflow_gets_the_config_the_scalars_by_step_and_the_model(mlflow_store):
    with tracked(["mlflow"], CONFIG, "/models/7") as (tracker,):
        tracker.scalars({"train/loss": 2.5}, step=20)
        tracker.scalars({"train/loss": 1.5, "eval_AP50/c++": 0.25}, step=40)
    run = only_run(mlflow_store)
    assert run.info.status == "FINISHED"
    assert run.data.params == {
        "seed": "3",
        "model.backbone": "light",
        "model.head.num_convs": "2",
    }
    history = mlflow_store.get_metric_history(run.info.run_id, "train/loss")
    assert [(point.step, point.value) for point in history] == [(20, 2.5), (40, 1.5)]
    assert run.data.metrics["eval_AP50/c__"] == 0.25
    assert run.data.tags["model_path"] == "/models/7"


def test_without_a_server_mlflow_writes_to_a_database_beside_the_run(
    tmp_path, monkeypatch
):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(None)
    with tracked(["mlflow"], CONFIG, "/models/7") as (tracker,):
        tracker.scalars({"train/loss": 2.5}, step=20)
    run = only_run(mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db"))
    assert run.data.metrics == {"train/loss": 2.5}


def test_a_training_that_breaks_off_shows_as_failed(mlflow_store):
    with pytest.raises(ZeroDivisionError), tracked(["mlflow"], CONFIG, "/models/7"):
        _ = 1 / 0
    run = only_run(mlflow_store)
    assert run.info.status == "FAILED"
    assert "model_path" not in run.data.tags


@pytest.mark.usefixtures("mlflow_store")
def test_a_server_lost_on_the_way_is_told_once_and_stops_nothing(monkeypatch, caplog):
    monkeypatch.setattr(mlflow, "log_metrics", refuse)
    with tracked(["mlflow"], CONFIG, "/models/7") as (tracker,):
        for step in (20, 40):
            tracker.scalars({"train/loss": 1.0}, step)
    (warning,) = caplog.messages
    assert "at step 20" in warning
    assert "(no such host)" in warning


def refuse(*_, **__):
    raise mlflow.MlflowException("no such host\nand a long trace")


def test_no_server_is_one_clear_line(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with (
        pytest.raises(UserError, match=r"MLflow began no run .*MLFLOW_TRACKING_URI"),
        tracked(["mlflow"], CONFIG, "/models/7"),
    ):
        pass


@pytest.fixture
def wandb_folder(tmp_path, monkeypatch):
    """Where W&B writes; what it read of the environment is forgotten afterwards."""
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    yield tmp_path
    wandb.teardown()


def wandb_records(folder):
    """What an offline run has written: a LevelDB log of protocol buffers."""
    wandb.teardown()  # waits for W&B's own process, which writes the log
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    log = path.read_bytes()
    assert log[:4] == b":W&B"
    place, data = 7, b""
    while place < len(log):
        left_in_block = 32768 - place % 32768
        if left_in_block < 7:  # too little for a header: zeros
            place += left_in_block
            continue
        length, kind = struct.unpack_from("<HB", log, place + 4)  # after the checksum
        data += log[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield Record.FromString(data)
            data = b""


def items(entries):
    """Values by name; nested names are joined as W&B shows them."""
    return {
        entry.key or ".".join(entry.nested_key): json.loads(entry.value_json)
        for entry in entries
    }


def test_wandb_gets_the_config_the_scalars_by_step_and_the_model(
    wandb_folder, monkeypatch
):
    monkeypatch.setenv("WANDB_MODE", "offline")
    with tracked(["wandb"], CONFIG, "/models/7") as (tracker,):
        tracker.scalars({"train/loss": 2.5}, step=20)
        tracker.scalars({"train/loss": 1.5, "eval_AP50/c++": 0.25}, step=40)
    records = list(wandb_records(wandb_folder))
    (run,) = (r.run for r in records if r.HasField("run"))
    assert run.project == "voc-pipeline"
    config = items(run.config.update)
    assert config["model.head.num_convs"] == "2"
    rows = [items(r.history.item) for r in records if r.HasField("history")]
    assert [(row["_step"], row["train/loss"]) for row in rows] == [(20, 2.5), (40, 1.5)]
    assert rows[1]["eval_AP50/c++"] == 0.25
    summaries = [items(r.summary.update) for r in records if r.HasField("summary")]
    assert {"model_path": "/models/7"}.items() <= {
        name: value for summary in summaries for name, value in summary.items()
    }.items()
    (end,) = (r.exit for r in records if r.HasField("exit"))
    assert end.exit_code == 0


def test_wandb_without_a_key_is_one_clear_line(wandb_folder, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("NETRC", str(wandb_folder / "none"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    with (
        pytest.raises(UserError, match=r"W&B began no run .*WANDB_MODE=offline"),
        tracked(["wandb"], CONFIG, "/models/7"),
    ):
        pass


def test_a_package_that_is_not_there_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install '\.\[wandb\]'"):
        require_trackers(["wandb"])

"""A compiled package, task by task, through a stand-in for KFP's driver and launcher.

It is in `kubeflow/`: SeaweedFS as the store, ml-metadata's own store over gRPC, and the
table `kfp_behaviour.py` of what each KFP version hands to a stage and takes from it.
"""

import dataclasses
import json
import logging
import re
import signal
import subprocess
import sys
import time

import pytest
from google.protobuf import json_format, struct_pb2
from kfp_behaviour import BEHAVIOURS
from metadata_service import served_store
from object_store import served_bucket
from stand_in import ROOT, StandIn

from pipeline.on_kubeflow import entry

# Stages that take seconds, and between them read and write all that differs.
QUICK = ("SchemaImport", "BaselineLookup")


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    with served_bucket(tmp_path_factory.mktemp("seaweedfs") / "data") as bucket:
        yield bucket


@pytest.fixture(scope="module")
def store():
    with served_store() as store:
        yield store


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("kubeflow")


@pytest.fixture(scope="module")
def package(place, tiny_data, tiny_config):
    from pipeline import overrides, runners
    from pipeline.config import RunPaths

    settings = (
        "kubeflow.volume_claim=voc",
        f"kubeflow.volume_path={place}",
        f"kubeflow.checkpoint_root={place}/checkpoints",
        "trainer.checkpoint_every_steps=1",
    )
    config = overrides.apply_overrides(tiny_config, settings)
    path = place / "pipeline.yaml"
    served = str(place / "served")
    paths = RunPaths(data=str(tiny_data), root="", push_destination=served)
    runners.compile_kubeflow(config, paths, str(path), image="image:1")
    return path


@pytest.fixture
def pod(tmp_path, monkeypatch):
    """What stands for a pod's `/`."""
    root = tmp_path / "pod"
    monkeypatch.setitem(entry.LOCAL_FOLDERS, "minio://", f"{root}/minio/")
    return root


def versions(served):
    """What serves; a destination holds files of its own beside it."""
    return [path for path in served.iterdir() if path.name.isdigit()]


@pytest.fixture(scope="module")
def finished(package, bucket, store, place):
    """A whole run; its stages may be started again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(entry.LOCAL_FOLDERS, "minio://", f"{place}/pod/minio/")
        run = StandIn(package, BEHAVIOURS["2.16.1"], bucket, store, place / "pod")
        run.values = run.run(train_steps=5, min_map=0.0)
        yield run


def test_the_whole_package_runs_to_the_pushed_model(finished, place):
    run = finished

    assert run.metadata("DetectionEvaluator", "blessing")["blessed"] == 1
    assert run.metadata("ModelPusher", "pushed_model")["pushed"] == 1
    (version,) = versions(place / "served")
    assert (version / "saved_model.pb").exists()

    # A pod that died after its push is started anew: nothing is pushed twice.
    push = run.spec["root"]["dag"]["tasks"]["ModelPusher"]
    run.run_task("ModelPusher", push, run.values)
    assert versions(place / "served") == [version]


def test_the_ui_gets_a_page_and_a_table_of_numbers(finished):
    # It goes by the types' names, and reads the object at the artifact's URI.
    for stage in ("ReportWriter", "VocExampleGen"):
        outputs = finished.calls[stage]["outputs"]["artifacts"]
        (page,) = outputs["page"]["artifacts"]
        assert page["type"]["schemaTitle"] == "system.HTML"
        files = finished.files(stage)
        report = files["report/report.html"]
        assert files["page"].startswith(b"<!doctype html>")
        assert files["page"].splitlines()[-1] == report.splitlines()[-1]
        links = re.findall(rb'href="([^"#][^"]*)"', files["page"])
        assert links == []  # the UI has none of the files beside it

    outputs = finished.calls["DetectionEvaluator"]["outputs"]["artifacts"]
    assert outputs["metrics"]["artifacts"][0]["type"]["schemaTitle"] == "system.Metrics"
    numbers = finished.metadata("DetectionEvaluator", "metrics")
    measured = json.loads(
        finished.files("DetectionEvaluator")["evaluation_result/metrics.json"]
    )
    assert numbers["eval/candidate/AP"] == measured["eval"]["candidate"]["AP"]


# Those that take seconds; the pushed model and the resumed training have tests of their
# own. TensorFlow writes a graph's bytes and names event files anew each time.
STARTED_TWICE = (
    "SchemaImport",
    "VocExampleGen",
    "DataGate",
    "ReportWriter",
)


@pytest.mark.parametrize("stage", STARTED_TWICE)
def test_a_stage_that_is_started_again_leaves_the_same_files(stage, finished):
    before = finished.files(stage)

    finished.launch(stage)

    assert finished.files(stage) == before


IN_A_POD = """
import sys
from pipeline.on_kubeflow import entry
entry.LOCAL_FOLDERS["minio://"] = sys.argv[1]
sys.exit(entry.main(sys.argv[2:]))
"""


def test_a_training_whose_pod_was_lost_goes_on(finished, place, caplog):
    tasks = finished.spec["root"]["dag"]["tasks"]
    values = {**finished.values, "train_steps": 6}
    finished.calls["Trainer"] = finished.executor_input(
        "Trainer", tasks["Trainer"], finished.spec["components"]["Trainer"], values
    )
    folder = place / "checkpoints/run-Trainer"
    assert not folder.exists()  # those of the finished training are gone
    minio = entry.LOCAL_FOLDERS["minio://"]
    command = [sys.executable, "-c", IN_A_POD, minio, *finished.start("Trainer")]
    lost = subprocess.Popen(command)
    deadline = time.monotonic() + 300
    while not any(folder.glob("step-*")):
        assert lost.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    lost.terminate()
    assert lost.wait(60) == -signal.SIGTERM

    with caplog.at_level(logging.INFO, logger="trainer"):
        finished.launch("Trainer")

    (step,) = re.findall(r"going on at step (\d+) of 6", caplog.text)
    assert int(step) >= 1
    assert not folder.exists()
    assert "model/Format-Serving/saved_model.pb" in finished.files("Trainer")


@pytest.mark.parametrize("logs", [True, False])
@pytest.mark.parametrize("version", BEHAVIOURS)
def test_stages_run_under_every_version(
    version, logs, package, bucket, store, pod, place
):
    run = StandIn(package, BEHAVIOURS[version], bucket, store, pod, logs)
    tasks = run.spec["root"]["dag"]["tasks"]
    values = {"push_destination": str(place / "nothing-served")}

    for name in QUICK:
        run.run_task(name, tasks[name], values)

    assert run.metadata("BaselineLookup", "model")["served_identity"] == ""
    assert run.metadata("SchemaImport", "schema")["display_name"] == "schema"


@pytest.mark.parametrize("version", BEHAVIOURS)
def test_every_input_is_typed_as_declared(version, package, bucket, store, pod):
    run = StandIn(package, BEHAVIOURS[version], bucket, store, pod)
    parameters = run.spec["root"]["inputDefinitions"]["parameters"]
    values = {name: given["defaultValue"] for name, given in parameters.items()}
    for name, component in run.spec["components"].items():
        for key, output in component["outputDefinitions"]["artifacts"].items():
            uri = f"{ROOT}/{name}/{key}"
            run.record(name, key, uri, output["artifactType"], struct_pb2.Struct())

    for name, task in run.spec["root"]["dag"]["tasks"].items():
        component = run.spec["components"][name]
        declared = component["inputDefinitions"].get("artifacts", {})
        executor = run.spec["deploymentSpec"]["executors"][component["executorLabel"]]
        args = executor["container"]["args"]
        spec_at = args.index("--json_serialized_inputs_spec_args") + 1
        call = run.executor_input(name, task, component, values)
        told = entry.call_for_tfx(call, json.loads(args[spec_at]), json.loads(args[1]))
        types = {
            key: given["artifacts"][0]["type"]
            for key, given in told["inputs"]["artifacts"].items()
        }
        assert types == {key: given["artifactType"] for key, given in declared.items()}


@pytest.mark.parametrize(
    ("told", "kept"),
    [(True, 1.0), ([1, 2], {"list": [1.0, 2.0]}), ({"a": "b"}, {"struct": {"a": "b"}})],
)
def test_the_stand_in_keeps_metadata_as_kfp_does(
    told, kept, package, bucket, store, pod
):
    run = StandIn(package, BEHAVIOURS["2.16.1"], bucket, store, pod)
    metadata = struct_pb2.Struct()
    metadata["x"] = told

    run.record("A", "b", f"{ROOT}/b", {"schemaTitle": "tfx.Model"}, metadata)

    assert run.metadata("A", "b")["x"] == kept


def test_the_stand_in_refuses_what_kfp_refuses(package, bucket, store, pod, tmp_path):
    run = StandIn(package, BEHAVIOURS["2.16.1"], bucket, store, pod)
    task = run.spec["root"]["dag"]["tasks"]["VocExampleGen"]
    component = run.spec["components"]["VocExampleGen"]
    values = {"data": "gs://voc", "span": "7"}

    for value in (None, 7, True):
        with pytest.raises(AssertionError, match=r"VocExampleGen\.span"):
            run.executor_input(
                "VocExampleGen", task, component, {**values, "span": value}
            )

    call = run.executor_input("VocExampleGen", task, component, values)
    told = tmp_path / "output_metadata.json"
    told.write_text('{"artifacts": {}, "more": 1}')
    with pytest.raises(json_format.ParseError, match="more"):
        run.publish("VocExampleGen", call, told)

    told.write_text('{"artifacts": {"report": {"artifacts": [{"uri": "/gcs/x"}]}}}')
    with pytest.raises(AssertionError, match="is said to lie at /gcs/x"):
        run.publish("VocExampleGen", call, told)

    run.behaviour = dataclasses.replace(run.behaviour, missing_output="error")
    told.write_text("{}")
    with pytest.raises(AssertionError, match="is missing"):
        run.publish("VocExampleGen", call, told)


def test_bare_prefixes_download_what_was_not_asked_for(
    package, bucket, store, pod, tmp_path
):
    # Why no output of ours is a prefix of another.
    note = tmp_path / "note"
    note.write_text("x")
    for key in ("a/model/x", "a/model_run/x"):
        bucket.upload(note, f"v2/artifacts/{key}")
    model = {"uri": f"{ROOT}/a/model"}
    call = {"inputs": {"artifacts": {"model": {"artifacts": [model]}}}}

    found = {}
    for version in ("2.16.1", "2.17.0"):
        run = StandIn(package, BEHAVIOURS[version], bucket, store, pod / version)
        run.download(call)
        found[version] = {path.name for path in (pod / version).rglob("model*")}

    assert found == {"2.16.1": {"model", "model_run"}, "2.17.0": {"model"}}

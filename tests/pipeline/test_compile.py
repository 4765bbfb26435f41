import dataclasses
import pathlib

import pytest
import yaml

from pipeline import presets, runners
from pipeline.config import RunPaths
from pipeline.pipeline import create_pipeline
from pipeline.run.state import RunState

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

PATHS = RunPaths(data="/data/voc", root="/data/root", push_destination="/data/served")
# consumer -> producers, as drawn in docs/architecture.md.
EDGES = {
    "VocExampleGen": set(),
    "StatisticsGen": {"VocExampleGen"},
    "SchemaImport": set(),
    "DataGate": {"StatisticsGen", "SchemaImport"},
    "Transform": {"VocExampleGen", "SchemaImport", "DataGate"},
    "Trainer": {"VocExampleGen", "SchemaImport", "Transform"},
    "BaselineLookup": set(),
    "DetectionEvaluator": {"VocExampleGen", "Trainer", "BaselineLookup"},
    "ServingCheck": {"VocExampleGen", "Trainer"},
    "ReportWriter": {
        "VocExampleGen",
        "Trainer",
        "DetectionEvaluator",
        "ServingCheck",
    },
    "ModelPusher": {
        "Trainer",
        "BaselineLookup",
        "DetectionEvaluator",
        "ServingCheck",
    },
}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    path = tmp_path_factory.mktemp("compiled") / "pipeline.yaml"
    runners.compile_kubeflow(presets.cpu_small(), PATHS, str(path), image="image:1")
    return path


@pytest.fixture(scope="module")
def spec(package):
    return yaml.safe_load(package.read_text())


def test_the_kfp_sdk_loads_the_package(package):
    from kfp import components

    loaded = components.load_component_from_file(str(package))

    assert loaded.pipeline_spec.pipeline_info.name == "voc-cpu-small"
    assert set(loaded.pipeline_spec.root.dag.tasks) == set(EDGES)


def test_the_compiled_edges_are_the_drawn_ones(spec):
    tasks = spec["root"]["dag"]["tasks"]

    assert {
        name: set(task.get("dependentTasks", [])) for name, task in tasks.items()
    } == EDGES
    for name, task in tasks.items():
        producers = {
            source["taskOutputArtifact"]["producerTask"]
            for source in task.get("inputs", {}).get("artifacts", {}).values()
        }
        assert producers <= EDGES[name]


def test_the_local_dag_has_the_same_edges():
    state = RunState(data_digest="d", baseline_identity="")
    stages = create_pipeline(presets.cpu_small(), PATHS, state)

    assert {
        stage.id: {channel.producer_component_id for channel in stage.inputs.values()}
        for stage in stages
    } == {
        name: edges - ({"DataGate"} if name == "Transform" else set())
        for name, edges in EDGES.items()
    }
    (transform,) = [stage for stage in stages if stage.id == "Transform"]
    assert "DataGate" in {node.id for node in transform.upstream_nodes}


def test_an_earlier_span_is_two_stages_more_and_reaches_only_the_data_gate():
    paths = dataclasses.replace(PATHS, span="7", earlier_span="6")
    state = RunState(data_digest="d", earlier_digest="e", baseline_identity="")
    stages = {
        stage.id: stage for stage in create_pipeline(presets.cpu_small(), paths, state)
    }

    assert set(stages) - set(EDGES) == {"EarlierVocExampleGen", "EarlierStatisticsGen"}
    assert stages["EarlierVocExampleGen"].exec_properties["span"] == "6"
    readers = {
        stage.id
        for stage in stages.values()
        for channel in stage.inputs.values()
        if channel.producer_component_id == "EarlierStatisticsGen"
    }
    assert readers == {"DataGate"}


def test_every_executor_is_a_container_or_an_importer(spec):
    executors = spec["deploymentSpec"]["executors"]

    assert len(executors) == len(EDGES)
    for executor in executors.values():
        assert set(executor) <= {"container", "importer"}
        assert "lifecycle" not in executor["container"]  # a driver of its own


def test_every_stage_runs_in_the_image_that_was_named(spec):
    images = {
        executor["container"]["image"]
        for executor in spec["deploymentSpec"]["executors"].values()
    }

    assert images == {"image:1"}


def test_nothing_is_reused_on_kubeflow_where_digests_would_be_stale(spec):
    for task in spec["root"]["dag"]["tasks"].values():
        assert not task.get("cachingOptions", {}).get("enableCache", False)


def test_no_path_of_this_checkout_is_in_the_package(package):
    assert str(pathlib.Path(__file__).parents[2]) not in package.read_text()

import json
import pathlib

import pytest
import yaml

from pipeline import presets, runners
from pipeline.config import RunPaths
from pipeline.overrides import apply_overrides

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

PATHS = RunPaths(data="/data/voc", root="/data/root", push_destination="/data/served")
REQUESTS = (
    "kubeflow.trainer.cpu=4",
    "kubeflow.trainer.memory=16Gi",
    "kubeflow.trainer.accelerator=nvidia.com/gpu",
    "kubeflow.trainer.accelerator_count=2",
    "kubeflow.trainer.timeout_s=7200",
    'kubeflow.trainer.node_labels=["gpu=h100"]',
    "kubeflow.trainer.retries=3",
    "kubeflow.data_gate.retries=0",
    "kubeflow.volume_claim=voc",
    "beam.runner=flink",
    'beam.args=["--job_endpoint=flink:8099","--environment_type=LOOPBACK",'
    '"--parallelism=2"]',
    'beam.stages.transform=["--parallelism=7"]',
)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    path = tmp_path_factory.mktemp("compiled") / "pipeline.yaml"
    config = apply_overrides(presets.cpu_small(), REQUESTS)
    runners.compile_kubeflow(config, PATHS, str(path), image="image:1")
    return path


@pytest.fixture(scope="module")
def spec(package):
    return next(yaml.safe_load_all(package.read_text()))


@pytest.fixture(scope="module")
def platform(package):
    _, platform = yaml.safe_load_all(package.read_text())
    return platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


def test_the_kfp_sdk_loads_the_package(package, edges):
    from kfp import components

    loaded = components.load_component_from_file(str(package))

    assert loaded.pipeline_spec.pipeline_info.name == "voc-cpu-small"
    assert set(loaded.pipeline_spec.root.dag.tasks) == set(edges)


def test_the_beam_stages_submit_to_the_engine_of_the_config(spec):
    told = {
        name.partition("_")[0]: executor["container"]["args"]
        for name, executor in spec["deploymentSpec"]["executors"].items()
    }
    flags = {"--runner=pipeline.beam.engines.FlinkRunner", "--job_endpoint=flink:8099"}
    # TFX tells every stage, also those that make no Beam pipeline
    for name in ("VocExampleGen", "StatisticsGen", "Transform", "DetectionEvaluator"):
        assert flags <= set(told[name])
        assert ("--parallelism=7" in told[name]) == (name == "Transform")


def test_what_a_stage_is_told_wins_in_what_beam_reads_in_the_end(spec):
    from apache_beam.options.pipeline_options import FlinkRunnerOptions, PipelineOptions

    for name in ("VocExampleGen", "StatisticsGen", "Transform", "DetectionEvaluator"):
        args = container(spec, name)["args"]
        (sent,) = (n for n, arg in enumerate(args) if arg.startswith("--runner="))
        options = PipelineOptions(args[sent:]).view_as(FlinkRunnerOptions)
        assert options.parallelism == (7 if name == "Transform" else 2)


def test_the_compiled_edges_are_the_drawn_ones(spec, edges):
    tasks = spec["root"]["dag"]["tasks"]

    assert {
        name: set(task.get("dependentTasks", [])) for name, task in tasks.items()
    } == edges
    for name, task in tasks.items():
        producers = {
            source["taskOutputArtifact"]["producerTask"]
            for source in task.get("inputs", {}).get("artifacts", {}).values()
        }
        assert producers <= edges[name]


def test_every_executor_is_a_container_or_an_importer(spec, edges):
    executors = spec["deploymentSpec"]["executors"]

    assert len(executors) == len(edges)
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


def container(spec, stage):
    label = spec["components"][stage]["executorLabel"]
    return spec["deploymentSpec"]["executors"][label]["container"]


def test_every_stage_enters_by_our_entry_point_with_its_outputs(spec, edges):
    for stage in edges:
        asked = container(spec, stage)

        entry = ["python", "-P", "-m", "pipeline.on_kubeflow.entry"]
        assert asked["command"] == entry
        option, outputs = asked["args"][:2]
        assert option == "--outputs"
        artifacts = spec["components"][stage]["outputDefinitions"]["artifacts"]
        shown = {"page", "metrics"}  # of those TFX knows nothing
        assert json.loads(outputs).keys() == artifacts.keys() - shown, stage


def test_the_ui_draws_pages_and_a_table(spec):
    # By the names of KFP's own types; what they are made of is another output.
    found = {}
    for stage, component in spec["components"].items():
        outputs = component["outputDefinitions"]["artifacts"]
        for name, output in outputs.items():
            if title := output["artifactType"].get("schemaTitle"):
                args = container(spec, stage)["args"]
                (source,) = json.loads(args[args.index("--shown") + 1]).values()
                found[stage, name] = title
                assert source.partition("/")[0] in outputs
    assert found == {
        ("VocExampleGen", "page"): "system.HTML",
        ("ReportWriter", "page"): "system.HTML",
        ("DetectionEvaluator", "metrics"): "system.Metrics",
    }


def test_no_output_is_a_prefix_of_another(spec):
    # KFP 2.16's launcher would download both to who takes one.
    for component in spec["components"].values():
        names = [*component["outputDefinitions"]["artifacts"], "executor-logs"]
        for name in names:
            assert not [x for x in names if x != name and x.startswith(name)]


def test_what_is_renamed_for_that_is_what_tfx_calls_it(spec):
    outputs = json.loads(container(spec, "Trainer")["args"][1])
    assert outputs == {"model": "model", "training_run": "model_run"}
    taken = spec["root"]["dag"]["tasks"]["ReportWriter"]["inputs"]["artifacts"]
    source = taken["model_run"]["taskOutputArtifact"]
    assert source["outputArtifactKey"] == "training_run"


def test_what_an_operator_changes_is_a_parameter_with_its_default(spec):
    offered = spec["root"]["inputDefinitions"]["parameters"]
    defaults = {name: value["defaultValue"] for name, value in offered.items()}
    assert defaults == {
        "data": "/data/voc",
        "span": "",
        "push_destination": "/data/served",
        "train_steps": 0,
        "min_ap50": 0.3,  # of the preset; it sets no min_map, so none is offered
    }
    assert all(value["description"] for value in offered.values())


def test_every_parameter_reaches_the_stages_that_take_it(spec):
    taken = {
        (stage, name): given["componentInputParameter"]
        for stage, task in spec["root"]["dag"]["tasks"].items()
        for name, given in task.get("inputs", {}).get("parameters", {}).items()
        if "componentInputParameter" in given
    }
    assert taken == {
        ("VocExampleGen", "data"): "data",
        ("VocExampleGen", "span"): "span",
        ("BaselineLookup", "push_destination"): "push_destination",
        ("ModelPusher", "push_destination"): "push_destination",
        ("ModelPusher", "data"): "data",
        ("ModelPusher", "span"): "span",
        ("ReportWriter", "data"): "data",
        ("ReportWriter", "span"): "span",
        ("Trainer", "train_steps"): "train_steps",
        ("DetectionEvaluator", "min_ap50"): "min_ap50",
    }


def test_a_stage_asks_for_what_its_config_says(spec, platform):
    # Names as KFP's driver reads them: ResourceSpec, KubernetesExecutorConfig.
    assert container(spec, "Trainer")["resources"] == {
        "resourceCpuRequest": "4",
        "resourceMemoryRequest": "16Gi",
        "resourceMemoryLimit": "16Gi",
        "accelerator": {"resourceType": "nvidia.com/gpu", "resourceCount": "2"},
    }
    assert "resources" not in container(spec, "SchemaImport")
    assert platform["Trainer_executor"]["activeDeadlineSeconds"] == 7200
    assert platform["Trainer_executor"]["nodeSelector"] == {"labels": {"gpu": "h100"}}


def test_every_stage_mounts_the_volume(platform, edges):
    assert len(platform) == len(edges)
    for pod in platform.values():
        (mount,) = pod["pvcMount"]
        assert mount["pvcNameParameter"] == {"runtimeValue": {"constant": "voc"}}
        assert mount["mountPath"] == "/data"


def test_retries_are_those_of_the_config(spec):
    tasks = spec["root"]["dag"]["tasks"]

    assert tasks["Trainer"]["retryPolicy"] == {
        "maxRetryCount": 3,
        "backoffDuration": "60s",
        "backoffFactor": 2.0,
        "backoffMaxDuration": "3600s",
    }
    assert "retryPolicy" not in tasks["DataGate"]


def test_both_documents_are_what_the_kfp_protos_define(package):
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    spec, platform = yaml.safe_load_all(package.read_text())
    pipeline_spec = pipeline_spec_pb2.PipelineSpec()
    json_format.ParseDict(spec, pipeline_spec)
    deployment = pipeline_spec_pb2.PipelineDeploymentConfig()
    json_format.ParseDict(spec["deploymentSpec"], deployment)
    json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())

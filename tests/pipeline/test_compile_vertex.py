"""The package for Vertex AI: its SDK's own checks, and KFP's SDK as the oracle."""

import pytest
import yaml

from pipeline import presets, runners
from pipeline.config import RunPaths
from pipeline.on_kubeflow import package, vertex
from pipeline.on_kubeflow.stage_resources import StageResources
from pipeline.overrides import apply_overrides

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

PATHS = RunPaths(data="gs://b/voc", root="gs://b/root", push_destination="gs://b/s")
REQUESTS = (
    "kubeflow.trainer.cpu=8",
    "kubeflow.trainer.memory=32Gi",
    "kubeflow.trainer.accelerator=NVIDIA_TESLA_T4",
    "kubeflow.trainer.accelerator_count=2",
    "kubeflow.checkpoint_root=gs://b/checkpoints",
)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    path = tmp_path_factory.mktemp("vertex") / "pipeline.yaml"
    config = apply_overrides(presets.cpu_small(), REQUESTS)
    runners.compile_kubeflow(
        config, PATHS, str(path), image="image:1", target=package.VERTEX
    )
    return path


def test_the_sdk_of_vertex_takes_it(compiled):
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import aiplatform

    job = aiplatform.PipelineJob(
        display_name="voc",
        template_path=str(compiled),
        parameter_values={"train_steps": 50, "min_ap50": 0.5, "data": "gs://b/other"},
        project="project",
        location="us-central1",
        credentials=AnonymousCredentials(),
    )

    config = job._gca_resource.runtime_config
    assert config.gcs_output_directory == "gs://b/root"
    assert config.parameter_values["train_steps"] == 50
    assert job.job_id.startswith("voc-cpu-small-")


def test_the_sdk_of_vertex_refuses_a_parameter_of_another_name(compiled):
    # Else the test above could pass on anything.
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import aiplatform

    with pytest.raises(ValueError, match="spam"):
        aiplatform.PipelineJob(
            display_name="voc",
            template_path=str(compiled),
            parameter_values={"spam": 1},
            project="project",
            location="us-central1",
            credentials=AnonymousCredentials(),
        )


def test_every_accelerator_is_one_that_vertex_has(compiled):
    from google.cloud.aiplatform_v1.types import AcceleratorType

    (spec,) = yaml.safe_load_all(compiled.read_text())  # no second document
    executors = spec["deploymentSpec"]["executors"].values()
    asked = [
        executor["container"]["resources"]["accelerator"]["type"]
        for executor in executors
        if "resources" in executor["container"]
    ]
    assert [AcceleratorType[name].value for name in asked] == [
        AcceleratorType.NVIDIA_TESLA_T4.value
    ]


@pytest.mark.parametrize(
    ("cpu", "memory"), [("8", "32Gi"), ("1.5", "16G"), ("500m", "512Mi")]
)
def test_requests_are_those_that_kfps_sdk_writes(cpu, memory):
    from google.protobuf import json_format
    from kfp import dsl
    from kfp.pipeline_spec import pipeline_spec_pb2

    @dsl.container_component
    def stage():
        return dsl.ContainerSpec(image="image:1")

    @dsl.pipeline(name="oracle")
    def pipeline():
        task = stage().set_cpu_limit(cpu).set_memory_limit(memory)
        task.set_accelerator_type("NVIDIA_TESLA_T4").set_accelerator_limit(2)

    deployment = pipeline.pipeline_spec.deployment_spec
    (executor,) = json_format.MessageToDict(deployment)["executors"].values()
    oracle, ours = (
        json_format.ParseDict(
            asked,
            pipeline_spec_pb2.PipelineDeploymentConfig.PipelineContainerSpec.ResourceSpec(),
        )
        for asked in (
            executor["container"]["resources"],
            vertex.requests(
                StageResources(
                    cpu=cpu,
                    memory=memory,
                    accelerator="NVIDIA_TESLA_T4",
                    accelerator_count=2,
                )
            ),
        )
    )
    assert ours == oracle

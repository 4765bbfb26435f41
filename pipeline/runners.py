"""The same pipeline on this machine, or compiled for Kubeflow Pipelines v2."""

import yaml
from tfx import v1 as tfx
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner

from pipeline.beam.choice import pipeline_args
from pipeline.config import PipelineConfig, RunPaths, watching_path
from pipeline.on_kubeflow import package
from pipeline.pipeline import create_pipeline
from pipeline.run.record import metadata_path
from pipeline.run.state import RunState
from trainer.config import watching_json


def run_local(config: PipelineConfig, paths: RunPaths, state: RunState) -> None:
    """Runs every stage in this process, reusing what has not changed."""
    # Beside the config, which is a parameter of the stage: this changes no number.
    with open(watching_path(paths.root), "w", encoding="utf-8") as file:
        file.write(watching_json(config.trainer))
    tfx.orchestration.LocalDagRunner().run(
        tfx.dsl.Pipeline(
            pipeline_name=config.name,
            pipeline_root=paths.root,
            components=_stages(config, paths, state),
            enable_cache=True,
            metadata_connection_config=(
                tfx.orchestration.metadata.sqlite_metadata_connection_config(
                    metadata_path(paths.root)
                )
            ),
            beam_pipeline_args=pipeline_args(config.beam),
        )
    )


def _stages(
    config: PipelineConfig, paths: RunPaths, state: RunState
) -> list[tfx.types.BaseNode]:
    """The stages, each told what Beam is to know of it alone."""
    stages = create_pipeline(config, paths, state)
    for stage in stages:
        if args := config.beam.stages.of_stage(stage.id):
            stage.with_beam_pipeline_args(args)
    return stages


def compile_kubeflow(
    config: PipelineConfig,
    paths: RunPaths,
    output: str,
    image: str,
    target: str = package.KFP,
) -> None:
    """Writes the Kubeflow Pipelines v2 package: pipeline spec and platform spec.

    Kubeflow's cache would see neither edited data nor a newly served model, since the
    digests are taken when a pipeline is made; so a compiled pipeline reuses nothing.
    `paths.root` is for Vertex AI alone: KFP takes a root when a run is submitted.
    """
    from components.baseline.component import LOOK_UP

    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        config=kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
            display_name=config.name,
            default_image=image,
            default_commands=["python", "-P", "-m", "pipeline.on_kubeflow.entry"],
            use_pipeline_spec_2_1=True,
        )
    )
    state = RunState(data_digest="", baseline_identity=LOOK_UP)
    job = runner.run(
        tfx.dsl.Pipeline(
            pipeline_name=config.name,
            pipeline_root="",
            components=_stages(config, paths, state),
            enable_cache=False,
            beam_pipeline_args=pipeline_args(config.beam),
        ),
        write_out=False,
    )
    documents = package.completed(
        job["pipelineSpec"], config.kubeflow, target=target, root=paths.root
    )
    with open(output, "w", encoding="utf-8") as sink:
        yaml.safe_dump_all([document for document in documents if document], sink)

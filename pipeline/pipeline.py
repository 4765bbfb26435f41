"""The DAG: every stage, top to bottom, in the order it runs."""

import dataclasses
import pathlib

from tfx import v1 as tfx

from components.baseline.component import BaselineLookup
from components.data_gate.component import DataGate
from components.evaluator.component import DetectionEvaluator
from components.example_gen.component import VocExampleGen
from components.pusher.component import ModelPusher
from components.report.component import ReportWriter
from components.schema_import.component import SchemaImport
from components.serving_check.component import ServingCheck
from pipeline.config import PipelineConfig, RunPaths, digest_of
from pipeline.source_digest import source_digest

_SCHEMA = pathlib.Path(__file__).parent.parent / "schemas" / "detection.pbtxt"
# What each stage runs of ours; with everything those modules import, this is what the
# cache must see change.
_EVALUATOR_MODULES = (
    "components.evaluator.component",
    "components.evaluator.coco_metric",  # TFMA loads it by name
)
_SERVING_CHECK_MODULES = (
    "components.serving_check.component",
    "components.serving_check.probe",  # runs in a process of its own
)
_MODEL_MODULES = (
    "components.example_gen.component",
    "components.transform.preprocessing",
    "trainer.run_fn",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunState:
    """What the world outside the config looks like as a run starts.

    Attributes:
      data_digest: of the data set's files; "" where it is not known (compilation).
      baseline_identity: the served version to compare with, as
        `components.baseline.served_models` names it.
      lost_version: a version this very run pushed before and that is gone, or "".
    """

    data_digest: str
    baseline_identity: str
    lost_version: str = ""


def model_fingerprint(config: PipelineConfig, data_digest: str) -> str:
    """Digest of what a model is made from: data, code and configuration."""
    return digest_of(
        data_digest,
        config.ingest.to_json(),
        config.trainer.to_json(),
        source_digest(*_MODEL_MODULES),
    )


def create_pipeline(
    config: PipelineConfig, paths: RunPaths, state: RunState
) -> list[tfx.types.BaseNode]:
    """The stages, wired; the same for every runner.

    Nothing here is a TFX Resolver, has a driver of its own, or is an InfraValidator:
    open-source Kubeflow v2 runs none of these.
    """
    ingest = VocExampleGen(
        data=paths.data,
        span=paths.span,
        ingest_config=config.ingest.to_json(),
        data_digest=state.data_digest,
        source_digest=source_digest("components.example_gen.component"),
    )
    # Statistics and Transform read `annotations`: the same examples without images.
    statistics = tfx.components.StatisticsGen(examples=ingest.outputs["annotations"])
    schema = SchemaImport(schema_text=_SCHEMA.read_text())
    data_gate = DataGate(
        statistics=statistics.outputs["statistics"],
        schema=schema.outputs["schema"],
        drift_config=config.drift.to_json(),
        source_digest=source_digest("components.data_gate.component"),
    )
    transform = tfx.components.Transform(
        examples=ingest.outputs["annotations"],
        schema=schema.outputs["schema"],
        preprocessing_fn="components.transform.preprocessing.preprocessing_fn",
        materialize=False,
        custom_config={
            "source_digest": source_digest("components.transform.preprocessing")
        },
    )
    transform.add_upstream_node(data_gate)
    fingerprint = model_fingerprint(config, state.data_digest)
    trainer = tfx.components.Trainer(
        run_fn="trainer.run_fn.run_fn",
        examples=ingest.outputs["examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema.outputs["schema"],
        train_args=tfx.proto.TrainArgs(splits=["train"]),
        eval_args=tfx.proto.EvalArgs(splits=["eval"]),
        custom_config={
            "trainer_config": config.trainer.to_json(),
            "checkpoint_dir": f"{paths.root}/checkpoints/{fingerprint}",
            "source_digest": source_digest("trainer.run_fn"),
        },
    )
    baseline = BaselineLookup(
        push_destination=paths.push_destination,
        identity=state.baseline_identity,
        source_digest=source_digest("components.baseline.component"),
    )
    evaluator = DetectionEvaluator(
        examples=ingest.outputs["examples"],
        model=trainer.outputs["model"],
        baseline=baseline.outputs["model"],
        gate_config=config.gate.to_json(),
        source_digest=source_digest(*_EVALUATOR_MODULES),
    )
    serving_check = ServingCheck(
        examples=ingest.outputs["examples"],
        model=trainer.outputs["model"],
        num_images=config.serving_check_images,
        source_digest=source_digest(*_SERVING_CHECK_MODULES),
    )
    report = ReportWriter(
        examples=ingest.outputs["examples"],
        model=trainer.outputs["model"],
        evaluation_result=evaluator.outputs["evaluation_result"],
        blessing=evaluator.outputs["blessing"],
        serving_blessing=serving_check.outputs["serving_blessing"],
        title=config.name,
        num_images=config.report.num_images,
        min_score=config.report.min_score,
        source_digest=source_digest("components.report.component"),
    )
    pusher = ModelPusher(
        model=trainer.outputs["model"],
        baseline=baseline.outputs["model"],
        evaluation_result=evaluator.outputs["evaluation_result"],
        blessing=evaluator.outputs["blessing"],
        serving_blessing=serving_check.outputs["serving_blessing"],
        push_destination=paths.push_destination,
        fingerprint=fingerprint,
        lost_version=state.lost_version,
        source_digest=source_digest("components.pusher.component"),
    )
    return [
        ingest,
        statistics,
        schema,
        data_gate,
        transform,
        trainer,
        baseline,
        evaluator,
        serving_check,
        report,
        pusher,
    ]

"""The DAG: every stage, top to bottom, in the order it runs."""

import json
import pathlib
from typing import Any

from tfx import v1 as tfx

from components.baseline.component import BaselineLookup
from components.data_gate.component import DataGate
from components.evaluator.component import DetectionEvaluator
from components.example_gen.component import VocExampleGen
from components.pusher.component import ModelPusher
from components.report.component import ReportWriter
from components.schema_import.component import SchemaImport
from components.serving_check.component import ServingCheck
from pipeline.config import PipelineConfig, RunPaths, watching_path
from pipeline.run.state import RunState, model_fingerprint, stage_digest
from schemas.config_json import to_json, to_mapping
from trainer.config import deciding
from trainer.search_space import TunerConfig

_SCHEMA = pathlib.Path(__file__).parent.parent / "schemas" / "detection.pbtxt"


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
        ingest_config=to_json(config.ingest),
        data_digest=state.data_digest,
        source_digest=stage_digest("VocExampleGen"),
    )
    # Statistics and Transform read `annotations`: the same examples without images.
    statistics = tfx.components.StatisticsGen(examples=ingest.outputs["annotations"])
    schema = SchemaImport(schema_text=_SCHEMA.read_text())
    earlier_stages, earlier_statistics = _earlier_span(config, paths, state)
    data_gate = DataGate(
        statistics=statistics.outputs["statistics"],
        schema=schema.outputs["schema"],
        drift_config=to_json(config.drift),
        gate_split=config.gate.split,
        source_digest=stage_digest("DataGate"),
        **earlier_statistics,
    )
    transform = tfx.components.Transform(
        examples=ingest.outputs["annotations"],
        schema=schema.outputs["schema"],
        preprocessing_fn="components.transform.preprocessing.preprocessing_fn",
        materialize=False,
        custom_config={"source_digest": stage_digest("Transform")},
    )
    transform.add_upstream_node(data_gate)
    fingerprint = model_fingerprint(config, state.data_digest, state.weights_digest)
    learning = {
        "examples": ingest.outputs["examples"],
        "transform_graph": transform.outputs["transform_graph"],
        "schema": schema.outputs["schema"],
        "train_args": tfx.proto.TrainArgs(splits=["train"]),
        "eval_args": tfx.proto.EvalArgs(splits=["eval"]),
    }
    # A compiled pipeline cannot know its data: it reuses and resumes nothing.
    is_local = bool(state.data_digest)
    trainer_config = deciding(config.trainer) if is_local else config.trainer
    learning_config = {
        "trainer_config": to_json(trainer_config),
        "watching": watching_path(paths.root) if is_local else "",
        # Keyed by what it is made from, so that only the same training resumes.
        "checkpoint_dir": f"{paths.root}/checkpoints/{fingerprint}" if is_local else "",
    }
    tuners, best_values = _tuner(config.tuner, learning, learning_config)
    trainer = tfx.components.Trainer(
        run_fn="trainer.run_fn.run_fn",
        custom_config={**learning_config, "source_digest": stage_digest("Trainer")},
        **learning,
        **best_values,
    )
    baseline = BaselineLookup(
        push_destination=paths.push_destination,
        identity=state.baseline_identity,
        source_digest=stage_digest("BaselineLookup"),
    )
    evaluator = DetectionEvaluator(
        examples=ingest.outputs["examples"],
        model=trainer.outputs["model"],
        baseline=baseline.outputs["model"],
        gate_config=to_json(config.gate),
        source_digest=stage_digest("DetectionEvaluator"),
    )
    serving_check = ServingCheck(
        examples=ingest.outputs["examples"],
        model=trainer.outputs["model"],
        serving_check_config=to_json(config.serving_check),
        source_digest=stage_digest("ServingCheck"),
    )
    judged = {
        "evaluation_result": evaluator.outputs["evaluation_result"],
        "blessing": evaluator.outputs["blessing"],
        "serving_blessing": serving_check.outputs["serving_blessing"],
    }
    made_from = {
        "data": paths.data,
        "span": paths.span,
        "origin": json.dumps(_origin(config, state), sort_keys=True),
    }
    report = ReportWriter(
        **judged,
        **made_from,
        examples=ingest.outputs["examples"],
        data_report=ingest.outputs["report"],
        model_run=trainer.outputs["model_run"],
        num_images=config.report.num_images,
        min_score=config.report.min_score,
        source_digest=stage_digest("ReportWriter"),
    )
    pusher = ModelPusher(
        **judged,
        **made_from,
        model=trainer.outputs["model"],
        baseline=baseline.outputs["model"],
        push_destination=paths.push_destination,
        fingerprint=fingerprint,
        earlier_push=state.earlier_push,
        source_digest=stage_digest("ModelPusher"),
    )
    data_stages = [ingest, statistics, schema, *earlier_stages, data_gate, transform]
    model_stages = [
        *tuners,
        trainer,
        baseline,
        evaluator,
        serving_check,
        report,
        pusher,
    ]
    return data_stages + model_stages


def _origin(config: PipelineConfig, state: RunState) -> dict[str, Any]:
    """What a model is made from and judged by; more would repeat its push."""
    return {
        "name": config.name,
        "data_digest": state.data_digest,
        "weights_digest": state.weights_digest,
        "code_digest": stage_digest("Trainer"),
        "ingest": to_mapping(config.ingest),
        "trainer": to_mapping(deciding(config.trainer)),
        "gate": to_mapping(config.gate),
    }


def _tuner(
    config: TunerConfig, learning: dict[str, Any], learning_config: dict[str, str]
) -> tuple[list[tfx.types.BaseNode], dict[str, tfx.types.BaseChannel]]:
    """The stage that tries other values, and what it hands to the Trainer; or none."""
    if not config.trials:
        return [], {}
    tuner = tfx.components.Tuner(
        tuner_fn="trainer.tune.tuner_fn",
        custom_config={
            **learning_config,
            "tuner_config": to_json(config),
            "source_digest": stage_digest("Tuner"),
        },
        **learning,
    )
    return [tuner], {"hyperparameters": tuner.outputs["best_hyperparameters"]}


def _earlier_span(
    config: PipelineConfig, paths: RunPaths, state: RunState
) -> tuple[list[tfx.types.BaseNode], dict[str, tfx.types.BaseChannel]]:
    """Stages that measure an earlier span for drift, and what they hand on; or none."""
    if not paths.earlier_span:
        return [], {}
    ingest = VocExampleGen(
        data=paths.data,
        span=paths.earlier_span,
        ingest_config=to_json(config.ingest),
        data_digest=state.earlier_digest,
        source_digest=stage_digest("VocExampleGen"),
    ).with_id("EarlierVocExampleGen")
    statistics = tfx.components.StatisticsGen(
        examples=ingest.outputs["annotations"]
    ).with_id("EarlierStatisticsGen")
    handed_on = {"earlier_statistics": statistics.outputs["statistics"]}
    return [ingest, statistics], handed_on

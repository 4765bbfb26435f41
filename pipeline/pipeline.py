"""The DAG: every stage, top to bottom, in the order it runs."""

import json
import pathlib
from typing import Any

from tfx import v1 as tfx

from components.baseline.component import BaselineLookup
from components.data_gate.component import DataGate
from components.evaluator.component import DetectionEvaluator
from components.evaluator.config import SLICED_BY
from components.pusher.component import ModelPusher
from components.report.component import ReportWriter
from components.schema_import.component import SchemaImport
from components.serving_check.component import ServingCheck
from pipeline.config import PipelineConfig, RunPaths, watching_path
from pipeline.data_stages import span_stages
from pipeline.run.state import (
    RunState,
    checkpoints_name,
    model_fingerprint,
    stage_digest,
)
from schemas.config_json import to_json, to_mapping
from schemas.user_error import UserError
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
    _refuse_several_processes(config)
    spans = span_stages(config, paths, state)
    schema = SchemaImport(schema_text=_SCHEMA.read_text())
    data_gate = DataGate(
        statistics=spans.statistics.outputs["statistics"],
        schema=schema.outputs["schema"],
        drift_config=to_json(config.drift),
        gate_split=config.gate.split,
        # A class of a window may be in another of its spans.
        gate_slices=json.dumps([] if spans.window else _slices(config)),
        source_digest=stage_digest("DataGate"),
        **spans.earlier_statistics,
    )
    for window in spans.window:  # a span that is refused joins nothing
        window.add_upstream_node(data_gate)
    transform = tfx.components.Transform(
        examples=spans.annotations,
        schema=schema.outputs["schema"],
        preprocessing_fn="components.transform.preprocessing.preprocessing_fn",
        materialize=False,
        custom_config={"source_digest": stage_digest("Transform")},
    )
    transform.add_upstream_node(data_gate)
    made_of = (config, state.data_digest, state.weights_digest)
    learning = {
        "examples": spans.examples,
        "transform_graph": transform.outputs["transform_graph"],
        "schema": schema.outputs["schema"],
        "train_args": tfx.proto.TrainArgs(splits=["train"]),
        "eval_args": tfx.proto.EvalArgs(splits=["eval"]),
    }
    # A compiled pipeline cannot know its data: it reuses nothing.
    is_local = bool(state.data_digest)
    trainer_config = deciding(config.trainer) if is_local else config.trainer
    learning_config = {
        "trainer_config": to_json(trainer_config),
        "watching": watching_path(paths.root) if is_local else "",
        # Keyed by what it is made from, so that only the same training resumes; on
        # Kubeflow by the run, in `on_kubeflow.entry`.
        "checkpoint_dir": f"{paths.root}/checkpoints/{checkpoints_name(*made_of)}"
        if is_local
        else config.kubeflow.checkpoint_root,
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
        examples=spans.examples,
        model=trainer.outputs["model"],
        baseline=baseline.outputs["model"],
        gate_config=to_json(config.gate),
        source_digest=stage_digest("DetectionEvaluator"),
    )
    serving_check = ServingCheck(
        examples=spans.examples,
        model=trainer.outputs["model"],
        baseline=baseline.outputs["model"],
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
        "origin": json.dumps(_origin(config, paths, state), sort_keys=True),
    }
    report = ReportWriter(
        **judged,
        **made_from,
        examples=spans.examples,
        data_report=spans.ingest.outputs["report"],
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
        fingerprint=model_fingerprint(*made_of),
        earlier_push=state.earlier_push,
        source_digest=stage_digest("ModelPusher"),
    )
    data_stages = [
        spans.ingest,
        spans.statistics,
        schema,
        *spans.earlier,
        data_gate,
        *spans.others,
        *spans.window,
        transform,
    ]
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


def _refuse_several_processes(config: PipelineConfig) -> None:
    """UserError where the Trainer of a run, which is one process, is to be several."""
    if config.trainer.strategy == "multi_host":
        raise UserError(
            "trainer.strategy 'multi_host' is several processes, and the Trainer of a "
            "run or of a package is one: start `voc-pipeline train` in each of them, "
            "or set trainer.strategy=auto for all GPUs of one machine (data_parallel "
            "where KERAS_BACKEND is jax)"
        )


def _slices(config: PipelineConfig) -> list[dict[str, Any]]:
    """What is in each slice of the gate, without its bounds."""
    names = ("name", "class_name", *SLICED_BY)
    return [{name: getattr(one, name) for name in names} for one in config.gate.slices]


def _origin(config: PipelineConfig, paths: RunPaths, state: RunState) -> dict[str, Any]:
    """What a model is made from and judged by; more would repeat its push."""
    return {
        "name": config.name,
        "data_digest": state.data_digest,
        "weights_digest": state.weights_digest,
        "code_digest": stage_digest("Trainer"),
        "ingest": to_mapping(config.ingest),
        "trainer": to_mapping(deciding(config.trainer)),
        "gate": to_mapping(config.gate),
        "serving_check": to_mapping(config.serving_check),
        **({"window": list(paths.window)} if paths.window else {}),
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

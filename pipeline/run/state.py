"""The world outside the config as a run starts, told to the cache."""

import dataclasses
import importlib.metadata
from collections.abc import Sequence

import keras

from pipeline.config import PipelineConfig, digest_of
from pipeline.run.source_digest import source_digest
from schemas.config_json import to_json
from trainer.config import TrainerConfig, deciding

# What each stage runs of ours; with everything those modules import, this is what the
# cache must see change.
STAGE_MODULES = {
    "VocExampleGen": (
        "components.example_gen.component",
        "components.example_gen.shards.worker_process",  # runs in processes of its own
    ),
    "SpanWindow": ("components.span_window.component",),
    "DataGate": ("components.data_gate.component",),
    "Transform": ("components.transform.preprocessing",),
    "Tuner": ("trainer.tune",),
    "Trainer": ("trainer.run_fn",),
    "BaselineLookup": ("components.baseline.component",),
    "DetectionEvaluator": (
        "components.evaluator.component",
        "components.evaluator.coco_metric",  # TFMA loads it by name
    ),
    "ServingCheck": (
        "components.serving_check.component",
        # run in processes of their own
        "components.serving_check.own_detections",
        "components.serving_check.probe",
        "components.serving_check.side_by_side",
    ),
    "ReportWriter": ("components.report.component",),
    "ModelPusher": ("components.pusher.component",),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunState:
    """Digests and identities that TFX's cache cannot find out by itself.

    Attributes:
      data_digest: of the files of all data that are learned from; "" where it is not
        known (compilation).
      earlier_digest: of the earlier span's files, likewise.
      window_digests: of the files of each span of a window, in its order.
      baseline_identity: the served version to compare with, as
        `components.baseline.served_models` names it.
      weights_digest: of the files that the weights start from; "" where they start
        from none, or where that is not known (compilation).
      earlier_push: what makes a push that could be reused be made again, or "".
    """

    data_digest: str
    earlier_digest: str = ""
    window_digests: tuple[str, ...] = ()
    baseline_identity: str
    weights_digest: str = ""
    earlier_push: str = ""


# Those that a model is made by.
MODEL_STAGES = ("VocExampleGen", "SpanWindow", "Transform", "Tuner", "Trainer")


def stage_digest(stage: str) -> str:
    """Digest of the code a stage runs."""
    return source_digest(*STAGE_MODULES[stage])


def model_fingerprint(
    config: PipelineConfig, data_digest: str, weights_digest: str
) -> str:
    """Digest of what a model is made from: data, weights, code, config, backend."""
    return digest_of(
        data_digest,
        weights_digest,
        *_backend_with_version(),
        to_json(config.ingest),
        to_json(deciding(config.trainer)),
        to_json(config.tuner),
        *(stage_digest(stage) for stage in MODEL_STAGES),
    )


def checkpoints_name(
    config: PipelineConfig, data_digest: str, weights_digest: str
) -> str:
    """The same without a second training: the folder of the checkpoints of both.

    So another second training goes on from the first one's.
    """
    first = config.trainer.first_training()
    once = dataclasses.replace(config, trainer=first)
    return model_fingerprint(once, data_digest, weights_digest)


def training_fingerprint(
    config: TrainerConfig, data_digests: Sequence[str], weights_digest: str
) -> str:
    """The same of a Trainer's work alone, on examples as they are."""
    return digest_of(
        *data_digests,
        weights_digest,
        *_backend_with_version(),
        to_json(deciding(config)),
        stage_digest("Trainer"),
    )


def code_fingerprint() -> str:
    """Digest of the code that a training runs, and of the libraries underneath."""
    return digest_of(*_backend_with_version(), stage_digest("Trainer"))


def _backend_with_version() -> tuple[str, ...]:
    """TensorFlow's version is in every stage's digest, as all stages run it."""
    backend = keras.backend.backend()
    libraries = ("jax", "jaxlib") if backend == "jax" else ()
    return (backend, *map(importlib.metadata.version, libraries))

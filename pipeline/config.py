"""One run as data: one field per stage, and where the run reads and writes."""

import dataclasses
import hashlib
import re

from components.data_gate.config import DriftConfig
from components.evaluator.config import GateConfig
from components.example_gen.config import IngestConfig
from components.serving_check.config import ServingCheckConfig
from pipeline.beam.choice import BeamConfig
from pipeline.on_kubeflow.stage_resources import KubeflowConfig
from schemas.config_rules import refuse_unless
from trainer.config import TrainerConfig
from trainer.search_space import TunerConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """What the report shows: how many images, and detections from which score on.

    Attributes:
      num_images: with detections drawn in them (from 1).
      min_score: detections from this score on (0..1).
    """

    num_images: int = 12
    min_score: float = 0.3

    def __post_init__(self) -> None:
        """Refuses a report of nothing."""
        refuse_unless(self.num_images >= 1, "num_images >= 1", self.num_images)
        score = self.min_score
        refuse_unless(0 <= score <= 1, "0 <= min_score <= 1", score)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PipelineConfig:
    """Everything that decides what a run makes of a data set.

    Attributes:
      name: of the pipeline, in the metadata store and on Kubeflow.
      ingest: how VOC becomes examples, and what is refused.
      drift: how far a span may differ from an earlier one.
      trainer: model, input pipeline, optimiser, length.
      tuner: trainings tried before, for better values of the trainer's fields.
      gate: what the candidate must reach.
      serving_check: on what the exported model is asked, and what it may take.
      report: what the report shows.
      beam: which engine the Beam stages run on; it changes no number.
      kubeflow: what each stage asks of a cluster; a run on this machine asks nothing.
    """

    name: str
    ingest: IngestConfig = IngestConfig()
    drift: DriftConfig = DriftConfig()
    trainer: TrainerConfig
    tuner: TunerConfig = TunerConfig()
    gate: GateConfig
    serving_check: ServingCheckConfig = ServingCheckConfig()
    report: ReportConfig = ReportConfig()
    beam: BeamConfig = BeamConfig()
    kubeflow: KubeflowConfig = KubeflowConfig()

    def __post_init__(self) -> None:
        """Refuses names that Kubeflow refuses."""
        named = bool(re.fullmatch(r"[a-z0-9][a-z0-9-]{0,127}", self.name))
        rule = "a name of lower-case letters, digits and dashes"
        refuse_unless(named, rule, repr(self.name))
        self.tuner.check(self.trainer)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunPaths:
    """Where a run reads and writes; any Beam file system.

    Attributes:
      data: VOC data set: a folder, a `.tar`, or a pattern with `{SPAN}`.
      span: which span of such a pattern, a number or `latest`; "" for none.
      earlier_span: the span that drift is measured against; "" for none.
      window: spans that are learned from together, oldest first, the last one `span`;
        () for `span` alone, in stages that are not named by their span.
      root: pipeline root: artifacts, metadata store, checkpoints, logs.
      push_destination: folder of the numbered versions that are served.
    """

    data: str
    root: str
    push_destination: str
    span: str = ""
    earlier_span: str = ""
    window: tuple[str, ...] = ()


def watching_path(root: str) -> str:
    """Where a local run leaves how its training is watched; always the same place."""
    return f"{root}/watching.json"


def digest_of(*parts: str) -> str:
    """A digest of texts, in this order, that no other split of the same text shares."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:".encode())
        digest.update(part.encode())
    return digest.hexdigest()[:32]


def is_digest(name: str) -> bool:
    """Whether a text looks as `digest_of` writes it: the name of what is ours."""
    return re.fullmatch("[0-9a-f]{32}", name) is not None

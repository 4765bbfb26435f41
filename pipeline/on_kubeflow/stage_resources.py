"""What each stage asks of a cluster: machine, time, retries, volume."""

import dataclasses
import re

from schemas.config_rules import refuse_unless

_QUANTITY = re.compile(r"\d+(\.\d+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?")
_LEAST_BYTES = 1 << 20  # fewer are meant to be something else
_LABEL = re.compile(r"[\w./-]+=[\w.-]+")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageResources:
    """One stage's request; an empty field leaves the choice to the namespace.

    Attributes:
      cpu: cores that are reserved, as a Kubernetes quantity: 4, 1.5, 500m.
      memory: reserved, and the limit: 16Gi; a number alone is bytes.
      accelerator: resource of a GPU or TPU: nvidia.com/gpu, google.com/tpu.
      accelerator_count: how many of it.
      node_labels: KEY=VALUE of nodes that will do, such as
        cloud.google.com/gke-tpu-topology=2x2.
      timeout_s: the pod is ended after as many seconds, and has failed; 0: never.
      retries: how often a failed stage is started anew.
      retry_after_s: before the first retry; twice as long before each further one.
    """

    cpu: str | int | float = ""
    memory: str | int | float = ""
    accelerator: str = ""
    accelerator_count: int = 0
    node_labels: tuple[str, ...] = ()
    timeout_s: int = 0
    retries: int = 1
    retry_after_s: int = 60

    def __post_init__(self) -> None:
        """Refuses what Kubernetes would refuse when the pod is to start."""
        for name in ("cpu", "memory"):
            value = str(getattr(self, name))
            known = not value or _QUANTITY.fullmatch(value) is not None
            rule = f"{name} as a Kubernetes quantity (4, 500m, 16Gi)"
            refuse_unless(known, rule, value)
        bytes_alone = re.fullmatch(r"[\d.]+", str(self.memory))
        enough = not bytes_alone or float(self.memory) >= _LEAST_BYTES
        rule = "memory with its unit, such as 32Gi (a number alone is bytes)"
        refuse_unless(enough, rule, self.memory)
        refuse_unless(
            bool(self.accelerator) == (self.accelerator_count > 0),
            "accelerator and accelerator_count >= 1, or neither",
            (self.accelerator, self.accelerator_count),
        )
        for label in self.node_labels:
            refuse_unless(_LABEL.fullmatch(label) is not None, "KEY=VALUE", label)
        for name in ("timeout_s", "retries", "retry_after_s"):
            refuse_unless(getattr(self, name) >= 0, f"{name} >= 0", getattr(self, name))


@dataclasses.dataclass(frozen=True, kw_only=True)
class KubeflowConfig:
    """Requests of all stages; nothing here changes what a stage makes of its inputs.

    Attributes:
      volume_claim: a PersistentVolumeClaim that every stage mounts, for data and push
        destination in a file system; "" for none.
      volume_path: where.
      checkpoint_root: where the checkpoints of trainings under way lie, so that a
        stage whose pod was lost goes on: gs://BUCKET/FOLDER, or a folder of the volume;
        "" keeps them in the pod.
    """

    voc_example_gen: StageResources = StageResources()
    earlier_voc_example_gen: StageResources = StageResources()
    statistics_gen: StageResources = StageResources()
    earlier_statistics_gen: StageResources = StageResources()
    schema_import: StageResources = StageResources()
    data_gate: StageResources = StageResources(retries=0)  # a refusal stays one
    transform: StageResources = StageResources()
    tuner: StageResources = StageResources()
    trainer: StageResources = StageResources()
    baseline_lookup: StageResources = StageResources()
    detection_evaluator: StageResources = StageResources()
    serving_check: StageResources = StageResources()
    report_writer: StageResources = StageResources()
    model_pusher: StageResources = StageResources()
    volume_claim: str = ""
    volume_path: str = "/data"
    checkpoint_root: str = ""

    def __post_init__(self) -> None:
        """Refuses a mount where KFP's launcher keeps its own folders."""
        path = self.volume_path
        refuse_unless(path.startswith("/"), "volume_path that starts with /", path)
        taken = path.split("/")[1] in ("gcs", "s3", "minio", "oci", "")
        taken = taken or path.rstrip("/") == "/tmp"  # where every stage works
        rule = "volume_path outside /gcs, /s3, /minio and /oci, and not /tmp itself"
        refuse_unless(not taken, rule, path)
        kept = self.checkpoint_root
        on_volume = bool(self.volume_claim) and kept.startswith(f"{path.rstrip('/')}/")
        rule = "checkpoint_root as gs://BUCKET/FOLDER or a folder of the volume"
        refuse_unless(not kept or kept.startswith("gs://") or on_volume, rule, kept)

    def stages(self) -> dict[str, StageResources]:
        """The requests of all stages, by the names of their fields."""
        values = {
            each.name: getattr(self, each.name) for each in dataclasses.fields(self)
        }
        return {n: v for n, v in values.items() if isinstance(v, StageResources)}

    def of_stage(self, stage: str) -> StageResources:
        """The request of a stage, by its id: `Trainer`, `EarlierVocExampleGen`."""
        field = re.sub(r"(?<!^)(?=[A-Z])", "_", stage).lower()
        resources: StageResources = getattr(self, field)
        return resources

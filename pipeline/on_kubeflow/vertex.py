"""What differs on Vertex AI Pipelines, which runs the same pipeline spec itself.

No driver or launcher of KFP's runs there: Vertex mounts Cloud Storage at /gcs. It takes
one document, without a platform spec, and reads the older, numeric fields of what a
stage asks for, which KFP's SDK writes beside the newer ones.
"""

import re
from collections.abc import Mapping
from typing import Any

from pipeline.on_kubeflow.stage_resources import KubeflowConfig, StageResources
from schemas.user_error import UserError

_BYTES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BYTES |= {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_QUANTITY = re.compile(r"([\d.]+)([A-Za-z]*)")


def check(name: str, paths: Mapping[str, str], config: KubeflowConfig) -> None:
    """Refuses what Vertex has no way to do.

    Args:
      name: of the pipeline.
      paths: option -> path that stages read or write.
      config: what they ask of the cluster.

    Raises:
      UserError: a path that is not on Cloud Storage, or a request of Kubernetes' own.
    """
    if not name[0].isalpha():
        raise UserError(f"--target vertex: {name} has to start with a letter there")
    for option, path in paths.items():
        if path and not path.startswith("gs://"):
            raise UserError(f"--target vertex: {option} {path}: name a gs:// path")
    if config.volume_claim:
        raise UserError(
            "--target vertex mounts no volume: leave kubeflow.volume_claim out"
        )
    for stage, asked in config.stages().items():
        field = f"--target vertex: kubeflow.{stage}"
        if asked.timeout_s or asked.node_labels:
            raise UserError(
                f"{field}: timeout_s and node_labels are Kubernetes'; leave them out"
            )
        if asked.accelerator and not re.fullmatch(r"[A-Z0-9_]+", asked.accelerator):
            raise UserError(
                f"{field}.accelerator {asked.accelerator}: Vertex's names are like "
                "NVIDIA_TESLA_T4"
            )


def requests(resources: StageResources) -> dict[str, Any]:
    """A ResourceSpec: Vertex takes the smallest machine that has as much."""
    asked: dict[str, Any] = {}
    if resources.cpu:
        cpu = str(resources.cpu)
        cores = float(cpu[:-1]) / 1000 if cpu.endswith("m") else float(cpu)
        asked |= {"cpuLimit": cores, "resourceCpuLimit": cpu}
    if resources.memory:
        asked["memoryLimit"] = _gigabytes(str(resources.memory))
        asked["resourceMemoryLimit"] = str(resources.memory)
    if resources.accelerator:
        count = str(resources.accelerator_count)
        kind = resources.accelerator
        accelerator = {"type": kind, "count": count}
        accelerator |= {"resourceType": kind, "resourceCount": count}
        asked["accelerator"] = accelerator
    return asked


def _gigabytes(quantity: str) -> float:
    matched = _QUANTITY.fullmatch(quantity)
    if matched is None or matched.group(2) not in _BYTES:
        raise UserError(f"--target vertex: memory {quantity}: name it like 16Gi")
    return float(matched.group(1)) * _BYTES[matched.group(2)] / 10**9

"""What `submit` and `schedule` send: the package, its parameters, the root."""

import hashlib
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import yaml

from pipeline.on_kubeflow.package import check_root, check_store_path
from schemas.user_error import UserError

_PUSHED_TO = ", pushed to "


def read_package(path: str) -> dict[str, Any]:
    """A compiled package as the API takes it.

    Raises:
      UserError: no such file, or none that `compile` wrote.
    """
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8")
        documents = [found for found in yaml.safe_load_all(text) if found]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"--package {path} cannot be read: {reason}") from error
    if not documents or "pipelineInfo" not in documents[0]:
        raise UserError(f"--package {path} is no package of voc-pipeline compile")
    if len(documents) == 1:
        return {"pipeline_spec": documents[0], "platform_spec": {}}
    return {"pipeline_spec": documents[0], "platform_spec": documents[1]}


def parameters(package: dict[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """Values of `--set NAME=VALUE`, typed as the package declares them.

    Raises:
      UserError: a parameter that the package does not have, or a value of another type.
    """
    root = package["pipeline_spec"]["root"]
    declared = root.get("inputDefinitions", {}).get("parameters", {})
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, separator, text = assignment.partition("=")
        if not separator or name not in declared:
            known = ", ".join(declared) or "none"
            raise UserError(
                f"--set {assignment}: NAME=VALUE of a parameter of the package; there "
                f"are: {known}"
            )
        kind = declared[name]["parameterType"]
        convert = {"NUMBER_INTEGER": int, "NUMBER_DOUBLE": float}.get(kind, str)
        try:
            values[name] = convert(text)
        except ValueError as error:
            raise UserError(f"--set {assignment}: {name} is a number") from error
    for name in ("data", "push_destination"):
        check_store_path(f"--set {name}", str(values.get(name, "")))
    return values


def runtime_config(
    package: dict[str, Any], assignments: Sequence[str], root: str
) -> dict[str, Any]:
    """The run's parameters and root; "" leaves the root to the cluster."""
    if root:
        check_root(root)
    config: dict[str, Any] = {"parameters": parameters(package, assignments)}
    return {**config, "pipeline_root": root} if root else config


def values_of(package: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """All parameters of a run: the package's defaults, and what it sets itself."""
    root = package["pipeline_spec"]["root"]
    declared = root.get("inputDefinitions", {}).get("parameters", {})
    defaults = {name: given.get("defaultValue") for name, given in declared.items()}
    return {**defaults, **config["parameters"]}


def purpose(package: dict[str, Any], config: dict[str, Any]) -> str:
    """What a run is for, as its description starts: pipeline and push destination."""
    name = package["pipeline_spec"]["pipelineInfo"]["name"]
    destination = values_of(package, config).get("push_destination", "")
    return f"{name}{_PUSHED_TO}{destination}; "


def is_for_something_else(description: str, own_purpose: str) -> bool:
    """Whether a run that `submit` described was for another pipeline or destination."""
    return _PUSHED_TO in description and not description.startswith(own_purpose)


def made_from(
    package: dict[str, Any], config: dict[str, Any], data_digests: Sequence[str]
) -> str:
    """Digest of what decides what a run makes; kept in its description.

    The package holds the config, the image, and a digest of every stage's code; the
    pipeline root decides nothing.
    """
    parts = [package["pipeline_spec"], values_of(package, config), list(data_digests)]
    text = json.dumps(parts, sort_keys=True)
    return "made from " + hashlib.sha256(text.encode()).hexdigest()[:32]


def spec_of(package: dict[str, Any]) -> dict[str, Any]:
    """The form in which the API takes a package of one or of two documents."""
    return package if package["platform_spec"] else dict(package["pipeline_spec"])

"""What `--config FILE` holds: fields and their values, in JSON or in YAML."""

import json
import re
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import yaml

from schemas.user_error import UserError


def read_config_file(path: str) -> dict[str, Any]:
    """The fields of a `.json` file, or of any other as YAML; values as they stand.

    Raises UserError where it cannot be read, is neither, has no fields, or has one
    twice.
    """
    try:
        text = Path(path).read_text("utf-8")
        found = _from_json(text) if path.lower().endswith(".json") else _from_yaml(text)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"--config {path} cannot be read: {reason}") from error
    except ValueError as error:
        raise UserError(f"--config {path}: {error}") from error
    if not isinstance(found, dict):
        raise UserError(f"--config {path} takes fields and their values, got {found!r}")
    return found


def _from_json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error}") from error


def _without_repeats(pairs: Iterable[tuple[Hashable, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in pairs:
        if str(key) in fields:
            raise ValueError(f"the field {str(key)!r} stands there twice")
        fields[str(key)] = value
    return fields


def _from_yaml(text: str) -> Any:
    try:
        found = yaml.load(text, _Yaml)
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        line = f" in line {place.line + 1}" if place else ""
        raise ValueError(f"no YAML: {error.problem or error.context}{line}") from error
    except yaml.YAMLError as error:
        raise ValueError(f"no YAML: {' '.join(str(error).split())}") from error
    return {} if found is None else found


class _Yaml(yaml.SafeLoader):
    """YAML 1.2's core schema, in which 1e-3 is a number and `off` a word."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  yaml's own way


_CORE = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)"
        r"|\.(nan|NaN|NAN)",
        list("-+0123456789."),
    ),
)


def _decimal(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))  # PyYAML would read 010 as 8


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[str, Any]:
    keys = (loader.construct_object(key, deep=True) for key, _ in node.value)
    values = (loader.construct_object(value, deep=True) for _, value in node.value)
    return _without_repeats(zip(keys, values, strict=True))


def _teach() -> None:
    for tag, pattern, first in _CORE:
        name, regexp = f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$")
        _Yaml.add_implicit_resolver(name, regexp, first)
    _Yaml.add_constructor("tag:yaml.org,2002:int", _decimal)
    _Yaml.add_constructor("tag:yaml.org,2002:map", _mapping)


_teach()

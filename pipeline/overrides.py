"""Typed changes to a config: `--config FILE`, and `--set trainer.train_steps=50`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from pipeline.config import PipelineConfig
from pipeline.config_file import read_config_file
from schemas.config_json import TAG, assign_field, from_mapping, to_mapping
from schemas.user_error import UserError


def apply_overrides(
    config: PipelineConfig, assignments: Sequence[str]
) -> PipelineConfig:
    """The config with each `path.to.field=value` applied, in order.

    A value is JSON where it parses as such (numbers, true, null, lists), else text.

    Raises:
      UserError: no `=`, a field that does not exist (the known ones are listed), or a
        value the field refuses.
    """
    tree = to_mapping(config)
    for assignment in assignments:
        path, separator, text = assignment.partition("=")
        if not separator or not path:
            raise UserError(
                f"--set {assignment!r} is not FIELD=VALUE, such as trainer.seed=1"
            )
        try:
            assign_field(tree, path.split("."), _value(text))
        except ValueError as error:
            raise UserError(f"--set {assignment}: {error}") from error
    try:
        return from_mapping(PipelineConfig, tree)
    except ValueError as error:
        raise UserError(f"--set {' '.join(assignments)}: {error}") from error


def apply_config_file(config: PipelineConfig, path: str) -> PipelineConfig:
    """The config with the fields that a file names; what it leaves out stays.

    The file is a part of what `presets NAME` prints, or all of it. A list takes the
    place of the whole list, and a choice of another `class` that of all its fields.

    Raises:
      UserError: the file cannot be read, a field does not exist (the known ones are
        listed), or a value the field refuses.
    """
    tree = to_mapping(config)
    given = read_config_file(path)
    try:
        for names, value in _assignments(tree, given):
            assign_field(tree, names, value)
        return from_mapping(PipelineConfig, tree)
    except ValueError as error:
        raise UserError(f"--config {path}: {error}") from error


def _assignments(
    tree: Mapping[str, Any], given: Mapping[str, Any], where: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Path and value of each field of `given`, down to where `tree` has no fields."""
    for name, value in given.items():
        path, now = (*where, name), tree.get(name)
        if _same_fields(now, value):
            yield from _assignments(now, value, path)
        else:
            yield path, value


def _same_fields(now: Any, value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether the value names fields of what is there now, and of the same class."""
    if not (isinstance(now, dict) and isinstance(value, dict)):
        return False
    return bool(value.get(TAG, now.get(TAG)) == now.get(TAG))


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text

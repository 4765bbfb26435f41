"""Typed changes to a config from the command line: `--set trainer.train_steps=50`."""

import json
from collections.abc import Sequence
from typing import Any

from pipeline.config import PipelineConfig
from schemas.config_json import assign_field, from_mapping, to_mapping
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


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text

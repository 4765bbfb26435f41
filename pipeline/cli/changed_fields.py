"""The fields of a recorded config that are not its defaults, as `--set` takes them."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

from components.evaluator.config import GateConfig, SliceFloor
from components.example_gen.config import IngestConfig
from schemas.config_json import to_mapping
from trainer.config import TrainerConfig

_TAG = "class"  # of which of several classes a field's value is


def changed_fields(part: str, recorded: Mapping[str, Any]) -> list[str]:
    """`part.field=value` of each that a config of this release would not hold itself.

    `part` is ingest, trainer or gate; a field that this release does not know counts.
    """
    return list(_changed(part, recorded, _defaults()[part]))


def _defaults() -> dict[str, dict[str, Any]]:
    """Of the fields one of which must be set, none is."""
    return {
        "ingest": to_mapping(IngestConfig()),
        "trainer": to_mapping(TrainerConfig(train_steps=1)) | {"train_steps": 0},
        "gate": to_mapping(GateConfig(min_map=0)) | {"min_map": None},
    }


def _changed(
    path: str, value: Mapping[str, Any], default: Mapping[str, Any]
) -> Iterator[str]:
    for name in sorted(value):
        one, usual = value[name], default.get(name, ...)
        inside = isinstance(one, dict) and isinstance(usual, dict)
        if inside and one.get(_TAG) == usual.get(_TAG):
            yield from _changed(f"{path}.{name}", one, usual)
        elif one != usual:
            shown = one
            if f"{path}.{name}" == "gate.slices":
                shown = [_without_defaults(part) for part in one]
            yield f"{path}.{name}={json.dumps(shown, ensure_ascii=False)}"


def _without_defaults(part: Mapping[str, Any]) -> dict[str, Any]:
    usual = {field.name: field.default for field in dataclasses.fields(SliceFloor)}
    return {name: part[name] for name in part if part[name] != usual.get(name, ...)}

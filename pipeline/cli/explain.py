"""What each field of a config means, from the docstrings of the config classes."""

import dataclasses
import inspect
import json
import textwrap
import typing
from collections.abc import Iterator
from typing import Any

import docstring_parser

from schemas.config_json import taken_by, to_mapping


def explained(config: Any, width: int) -> str:
    """Every field as `--set` names it: its value, what it takes, what it means."""
    lines = []
    for path, value, takes, meaning in _fields(config, ""):
        lines.append(f"{path} = {value}")
        text = f"{takes}; {meaning}" if takes else meaning
        lines += textwrap.wrap(
            text, width - 1, initial_indent="    ", subsequent_indent="    "
        )
    return "\n".join(lines) + "\n"


def _fields(config: Any, where: str) -> Iterator[tuple[str, str, str, str]]:
    meanings = meanings_of(type(config))
    hints = typing.get_type_hints(type(config))
    mapping = to_mapping(config)
    for field in dataclasses.fields(config):
        value, path = getattr(config, field.name), f"{where}{field.name}"
        if dataclasses.is_dataclass(value):
            yield path, "{...}", "", meanings[field.name]
            yield from _fields(value, f"{path}.")
        else:
            told = json.dumps(mapping[field.name])
            yield path, told, taken_by(hints[field.name]), meanings[field.name]


def meanings_of(config_class: type) -> dict[str, str]:
    """Field -> its meaning; for a config that has none, the config's first line."""
    said = docstring_parser.parse(inspect.getdoc(config_class) or "").params
    meanings = {
        each.arg_name: " ".join((each.description or "").split()) for each in said
    }
    for name, hint in typing.get_type_hints(config_class).items():
        if name not in meanings and dataclasses.is_dataclass(hint):
            meanings[name] = (inspect.getdoc(hint) or "").partition("\n")[0]
    return meanings

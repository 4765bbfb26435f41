"""Frozen dataclass trees to JSON-able mappings and back, refusing unknown fields."""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

ConfigT = TypeVar("ConfigT")
TAG = "class"


def to_mapping(config: object) -> dict[str, Any]:
    """The fields of a config dataclass; nested configs carry no type tag.

    A field that may hold one of several dataclasses is written with its class
    name under `class`, so that `from_mapping` can tell them apart.
    """
    hints = _hints(type(config))
    return {
        field.name: _plain(getattr(config, field.name), hints[field.name])
        for field in dataclasses.fields(typing.cast(Any, config))
    }


def from_mapping(
    config_class: type[ConfigT], mapping: Mapping[str, Any], where: str = ""
) -> ConfigT:
    """The inverse of `to_mapping`; fields left out take their defaults.

    Raises ValueError that names an unknown field and lists the known ones.
    """
    hints = _hints(config_class)
    path = where or config_class.__name__
    unknown = sorted(set(mapping) - set(hints))
    if unknown:
        raise ValueError(
            f"{path} has no field {unknown[0]!r}; its fields: {', '.join(hints)}"
        )
    return config_class(
        **{
            name: _typed(value, hints[name], f"{path}.{name}")
            for name, value in mapping.items()
        }
    )


def assign_field(tree: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Set a field in what `to_mapping` made, by the names that lead to it.

    Raises ValueError that names a field that does not exist and lists the known ones.
    """
    node: Any = tree
    for depth, name in enumerate(path):
        if not isinstance(node, dict) or name not in node:
            where = ".".join(path[:depth]) or "the config"
            known = ", ".join(sorted(node)) if isinstance(node, dict) else "none"
            raise ValueError(f"{where} has no field {name!r}; its fields: {known}")
        if depth < len(path) - 1:
            node = node[name]
    node[path[-1]] = value


def _hints(config_class: type) -> dict[str, Any]:
    hints = typing.get_type_hints(config_class)
    fields = dataclasses.fields(typing.cast(Any, config_class))
    return {field.name: hints[field.name] for field in fields}


def _alternatives(hint: Any) -> tuple[Any, ...]:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return typing.get_args(hint)
    return (hint,)


def _config_classes(hint: Any) -> list[type]:
    kinds = _alternatives(hint)
    return [k for k in kinds if isinstance(k, type) and dataclasses.is_dataclass(k)]


def _item_hint(hint: Any, index: int) -> Any:
    items = typing.get_args(hint)
    if not items:
        return Any
    return items[0] if items[-1] is Ellipsis else items[min(index, len(items) - 1)]


def _fixed_length(hint: Any) -> int | None:
    """Number of items of a tuple type; None where it may have any number."""
    items = typing.get_args(hint)
    return None if not items or items[-1] is Ellipsis else len(items)


def _plain(value: Any, hint: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        mapping = to_mapping(value)
        if len(_config_classes(hint)) > 1:
            mapping = {TAG: type(value).__name__, **mapping}
        return mapping
    if isinstance(value, tuple):
        return [_plain(item, _item_hint(hint, i)) for i, item in enumerate(value)]
    return value


def _typed(value: Any, hint: Any, path: str) -> Any:
    if isinstance(value, Mapping):
        return _typed_config(value, hint, path)
    if isinstance(value, list | tuple):
        tuples = [h for h in _alternatives(hint) if typing.get_origin(h) is tuple]
        if not tuples:
            raise ValueError(f"{path} takes {_named(hint)}, got the list {value!r}")
        fixed = _fixed_length(tuples[0])
        if fixed is not None and len(value) != fixed:
            raise ValueError(f"{path} takes {_named(hint)}, got {list(value)!r}")
        return tuple(
            _typed(item, _item_hint(tuples[0], i), f"{path}[{i}]")
            for i, item in enumerate(value)
        )
    return _typed_scalar(value, hint, path)


def _typed_config(value: Mapping[str, Any], hint: Any, path: str) -> Any:
    classes = {kind.__name__: kind for kind in _config_classes(hint)}
    if not classes:
        raise ValueError(f"{path} takes {_named(hint)}, got the mapping {value!r}")
    if len(classes) == 1 and TAG not in value:
        return from_mapping(next(iter(classes.values())), value, path)
    kind = value.get(TAG)
    if kind not in classes:
        raise ValueError(f"{path}.{TAG} must be one of {sorted(classes)}, got {kind!r}")
    fields = {name: item for name, item in value.items() if name != TAG}
    return from_mapping(classes[kind], fields, path)


def _typed_scalar(value: Any, hint: Any, path: str) -> Any:
    kinds = _alternatives(hint)
    if Any in kinds or (value is None and type(None) in kinds):
        return value
    if float in kinds and isinstance(value, int) and not isinstance(value, bool):
        return value if int in kinds else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{path} takes a finite number, got {value!r}")
    literals = [item for h in kinds for item in _literal_values(h)]
    plain = [kind for kind in kinds if kind in (bool, int, float, str)]
    matches_plain = any(type(value) is kind for kind in plain)
    if not matches_plain and value not in literals:
        raise ValueError(f"{path} takes {_named(hint)}, got {value!r}")
    return value


def _literal_values(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()


def _named(hint: Any) -> str:
    literals = [item for h in _alternatives(hint) for item in _literal_values(h)]
    if literals:
        return "one of " + ", ".join(map(repr, literals))
    if typing.get_origin(hint) is tuple:
        length = _fixed_length(hint)
        return "a list [...]" if length is None else f"a list of {length} values [...]"
    return getattr(hint, "__name__", None) or str(hint)

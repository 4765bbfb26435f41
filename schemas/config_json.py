"""The one reader of configs: JSON to frozen dataclass trees and back.

`--config`, `--set`, a stage's parameters and a trainer's custom_config all come through
`from_mapping`, so that each refuses the same things in the same words.
"""

import dataclasses
import json
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from schemas.did_you_mean import did_you_mean
from schemas.user_error import UserError

ConfigT = TypeVar("ConfigT")
TAG = "class"
# Fields that may hold whole numbers from 2^32, NumPy's bound of a seed, up to 2^63,
# that of TensorFlow and SQLite.
_HUGE = ("_bytes", "_pixels", ".memory")
_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    type(None): "null",
}


def to_json(config: object) -> str:
    """A config as JSON; keys are sorted, so that equal configs are equal text."""
    return json.dumps(to_mapping(config), indent=1, sort_keys=True)


def from_json(
    config_class: type[ConfigT],
    text: str,
    where: str = "",
    base: ConfigT | None = None,
) -> ConfigT:
    """The inverse of `to_json`; fields left out are those of `base`, or the defaults.

    `where` is the path of this config in the whole one, as `--set` has it: `ingest`.
    Raises UserError that names the field, what it takes and what it got.
    """
    try:
        mapping = json.loads(text) if text.strip() else {}
    except json.JSONDecodeError as error:
        raise UserError(f"{where or 'the config'} is no JSON: {error}") from error
    if not isinstance(mapping, dict):
        raise UserError(f"{where or 'the config'} takes fields {{...}}, got {text}")
    try:
        before = {} if base is None else to_mapping(base)
        return from_mapping(config_class, before | mapping, where)
    except ValueError as error:
        raise UserError(str(error)) from error


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

    Raises ValueError that names the field by its path from `where` on: one that does
    not exist (the known ones are listed), a value that it does not take, a rule of the
    config's own that does not hold.
    """
    hints = _hints(config_class)
    for name in mapping:
        if name not in hints:
            raise ValueError(_no_field(where, name, hints, did_you_mean(name, hints)))
    values = {
        name: _typed(value, hints[name], f"{where}.{name}".lstrip("."))
        for name, value in mapping.items()
    }
    for field in dataclasses.fields(typing.cast(Any, config_class)):
        required = field.default is field.default_factory is dataclasses.MISSING
        if required and field.name not in values:
            raise ValueError(f"{where or 'the config'} needs the field {field.name!r}")
    try:
        return config_class(**values)
    except ValueError as error:
        raise ValueError(f"{where}: {error}" if where else str(error)) from error


def assign_field(tree: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Set a field in what `to_mapping` made, by the names that lead to it.

    Raises ValueError that names a field that does not exist, the one that may have been
    meant, and the known ones.
    """
    node: Any = tree
    for depth, name in enumerate(path):
        if not isinstance(node, dict) or name not in node:
            known = sorted(node) if isinstance(node, dict) else ["none"]
            meant = _meant(path, known, tree)
            raise ValueError(_no_field(".".join(path[:depth]), name, known, meant))
        if depth < len(path) - 1:
            node = node[name]
    node[path[-1]] = value


def _no_field(
    where: str, name: str, known: Sequence[str] | dict[str, Any], meant: str
) -> str:
    fields = ", ".join(known)
    return f"{where or 'the config'} has no field {name!r}{meant}; its fields: {fields}"


def _meant(path: Sequence[str], known: Sequence[str], tree: dict[str, Any]) -> str:
    """The same name elsewhere in the tree, else the nearest name in this place."""
    paths = field_paths(tree)
    elsewhere = [other for other in paths if other.split(".")[-1] == path[-1]]
    if elsewhere:
        return f" (did you mean {' or '.join(map(repr, elsewhere))}?)"
    return did_you_mean(path[-1], known)


def field_paths(tree: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """Every field of what `to_mapping` made, as `--set` names it."""
    for name, value in tree.items():
        yield f"{where}{name}"
        if isinstance(value, dict):
            yield from field_paths(value, f"{where}{name}.")


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
        fixed = _fixed_length(tuples[0]) if tuples else None
        if not tuples or (fixed is not None and len(value) != fixed):
            raise ValueError(f"{path} takes {taken_by(hint)}, got {list(value)!r}")
        return tuple(
            _typed(item, _item_hint(tuples[0], i), f"{path}[{i}]")
            for i, item in enumerate(value)
        )
    return _typed_scalar(value, hint, path)


def _typed_config(value: Mapping[str, Any], hint: Any, path: str) -> Any:
    classes = {kind.__name__: kind for kind in _config_classes(hint)}
    if not classes:
        raise ValueError(f"{path} takes {taken_by(hint)}, got {dict(value)!r}")
    if len(classes) == 1 and TAG not in value:
        return from_mapping(next(iter(classes.values())), value, path)
    kind = value.get(TAG)
    if kind not in classes:
        meant = did_you_mean(str(kind), classes)
        known = ", ".join(classes)
        raise ValueError(f"{path}.{TAG} takes one of {known}, got {kind!r}{meant}")
    fields = {name: item for name, item in value.items() if name != TAG}
    return from_mapping(classes[kind], fields, path)


def _typed_scalar(value: Any, hint: Any, path: str) -> Any:
    kinds = _alternatives(hint)
    if Any in kinds or (value is None and type(None) in kinds):
        return value
    if type(value) in (int, float):
        power = 63 if path.endswith(_HUGE) or isinstance(value, float) else 32
        if not abs(value) < 2**power:  # nor is NaN
            limit = f"a finite number below 2^{power}"
            raise ValueError(f"{path} takes {limit}, got {value!r}")
        if float in kinds and int not in kinds:
            return float(value)
    literals = [(type(item), item) for item in _literal_values(hint)]
    if type(value) not in kinds and (type(value), value) not in literals:
        meant = did_you_mean(str(value), [str(item) for _, item in literals])
        raise ValueError(f"{path} takes {taken_by(hint)}, got {value!r}{meant}")
    return value


def _literal_values(hint: Any) -> list[Any]:
    literals = (
        h for h in _alternatives(hint) if typing.get_origin(h) is typing.Literal
    )
    return [item for literal in literals for item in typing.get_args(literal)]


def taken_by(hint: Any) -> str:
    """What a field of a type takes, in words."""
    literals = _literal_values(hint)
    if literals:
        return "one of " + ", ".join(map(repr, literals))
    return " or ".join(map(_named_kind, _alternatives(hint)))


def _named_kind(kind: Any) -> str:
    if typing.get_origin(kind) is tuple:
        length = _fixed_length(kind)
        return "a list [...]" if length is None else f"a list of {length} values [...]"
    if dataclasses.is_dataclass(kind):
        return "fields {...}"
    return _KINDS.get(kind, str(kind))

"""Small JSON files that outlive the program which wrote them."""

import json
from typing import Any, TypeVar

import msgspec
from apache_beam.io.filesystems import FileSystems

from schemas.user_error import UserError

RecordT = TypeVar("RecordT")


def read_json_record(
    record_class: type[RecordT], path: str, remedy: str, kinds: Any = None
) -> RecordT:
    """Reads a dataclass; fields that this program does not know are left out.

    `kinds` says more of what its fields hold, which is looked at and not changed.
    Raises UserError, which ends in `remedy`, where the file is damaged.
    """
    with FileSystems.open(path) as source:
        text = source.read()
    try:
        values = json.loads(text)
        if kinds is not None:
            msgspec.convert(values, kinds)
        return msgspec.convert(values, record_class)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged ({error}); {remedy}") from error

"""Small JSON files that outlive the program which wrote them."""

import json
from typing import TypeVar

import msgspec
from apache_beam.io.filesystems import FileSystems

from schemas.user_error import UserError

RecordT = TypeVar("RecordT")


def read_json_record(record_class: type[RecordT], path: str, remedy: str) -> RecordT:
    """Reads a dataclass; fields that this program does not know are left out.

    Raises UserError, which ends in `remedy`, where the file is damaged.
    """
    with FileSystems.open(path) as source:
        text = source.read()
    try:
        return msgspec.convert(json.loads(text), record_class)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged ({error}); {remedy}") from error

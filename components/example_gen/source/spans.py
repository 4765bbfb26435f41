"""Which data a run reads: `{SPAN}` in a path stands for a data-arrival interval."""

import glob
import os
import re
from collections.abc import Iterable
from typing import NamedTuple

from components.example_gen.source import remote, storage
from schemas.user_error import UserError

PLACEHOLDER = "{SPAN}"
LATEST = "latest"


class ResolvedData(NamedTuple):
    """The one directory or tar to read, and its span number (0 without spans)."""

    root: str
    span: int


def resolve(data: str, span: int | str | None = None) -> ResolvedData:
    """A path or pattern and a span -> the data; a missing one is a UserError."""
    if not data or not str(data).strip():
        raise UserError("no data set given; name a VOC directory or .tar")
    storage.require_known_scheme(data, "data set")
    if PLACEHOLDER not in data:
        if _number(span, default=0):
            raise UserError(
                f"span {span} of {data}, which has no {PLACEHOLDER}: write that where "
                "the number stands in the path, or name no span"
            )
        return ResolvedData(_existing(data), 0)
    spans = _spans_of(data)
    if not spans:
        raise UserError(_no_span(data))
    wanted = max(spans) if span in (None, "", LATEST) else _number(span, default=0)
    if wanted not in spans:
        there = ", ".join(str(number) for number in sorted(spans))
        raise UserError(f"{data} has no span {wanted}; there are: {there}")
    return ResolvedData(spans[wanted], wanted)


def _number(span: int | str | None, default: int) -> int:
    if span in (None, "", LATEST):
        return default
    try:
        number = int(str(span))
    except ValueError:
        number = -1
    if number < 0:
        raise UserError(f"a span is a number or {LATEST!r}, got {span!r}")
    return number


def _no_span(pattern: str) -> str:
    return f"no span matches {pattern}; {PLACEHOLDER} stands for a number"


def _existing(data: str) -> str:
    root = data if remote.is_remote(data) else os.path.expanduser(data)
    if remote.is_remote(data):
        remote.require_access(data, "data set")
    if not storage.exists(root):
        raise UserError(f"no such data set: {data}; name a VOC directory or .tar")
    if not storage.is_tar(root) and not storage.is_directory(root):
        raise UserError(f"{data} is a file; name a VOC directory or a .tar of one")
    return root


def _spans_of(pattern: str) -> dict[int, str]:
    """Span number -> path; two paths of one number are refused, not guessed at."""
    before, _, after = pattern.partition(PLACEHOLDER)
    if remote.is_remote(pattern):
        folder = before[: before.rfind("/") + 1]
        remote.require_access(folder, "data set")
        paths: Iterable[str] = (found.path for found in remote.listed(folder))
    else:
        wild = glob.escape(before) + "*" + glob.escape(after.replace(PLACEHOLDER, "*"))
        paths = sorted(glob.glob(os.path.expanduser(wild)))
    tail = re.escape(after.rstrip("/")).replace(re.escape(PLACEHOLDER), r"\2")
    shape = re.compile(f"({re.escape(os.path.expanduser(before))}(\\d+){tail})(?:/|$)")
    spans: dict[int, str] = {}
    for path in paths:
        matched = shape.match(path)
        if matched is None:
            continue
        number, root = int(matched.group(2)), matched.group(1)
        if spans.setdefault(number, root) != root:
            raise UserError(f"span {number} is there twice: {spans[number]} and {root}")
    return spans


def span_numbers(data: str) -> list[int]:
    """The spans there are, ascending; UserError for none, or for no pattern."""
    storage.require_known_scheme(data, "data set")
    if PLACEHOLDER not in data:
        raise UserError(
            f"{data} has no {PLACEHOLDER}, which stands for a span's number"
        )
    found = _spans_of(data)
    if not found:
        raise UserError(_no_span(data))
    return sorted(found)


def earlier_span(data: str, span: int | str | None = None) -> str:
    """The newest span before the one that is read, as text; "" where there is none."""
    if PLACEHOLDER not in data:
        return ""
    this = resolve(data, span).span
    return str(max((number for number in _spans_of(data) if number < this), default=""))

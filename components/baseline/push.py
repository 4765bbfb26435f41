"""How a new version gets under the push destination: whole, in turn, and judged."""

import contextlib
import dataclasses
import fcntl
import logging
import os
import shutil
import time
import uuid
from collections.abc import Iterator

from components.baseline import folders
from components.baseline.history import (
    BLESS,
    PROMOTE,
    PUSH,
    Decision,
    decisions,
    not_to_push,
    signed,
    write_down,
)
from components.baseline.push_record import JUDGED_FILE, RECORD_FILE, PushRecord
from components.baseline.served_models import (
    GRAPH_FILE,
    ServedModel,
    baseline,
    model_digest,
    serving,
)

_LOGGER = logging.getLogger(__name__)
_INCOMING = ".incoming-"
_LOCK_FILE = ".lock"


class NotPushedError(Exception):
    """A model that was judged is not pushed after all; the message says why."""


def push(
    model_path: str, destination: str, record: PushRecord, judged: bytes = b""
) -> ServedModel:
    """Copies a SavedModel under `destination` as its newest version.

    A reader never sees half a version: on a local disk the copy is made aside, put on
    the disk and renamed; elsewhere, where nothing renames a folder at once, the graph
    file, which loaders and `served_models` look for, is copied last. Where the newest
    version is this very model already, it stays and is returned; what a person says
    of it (`record.because`) is written down all the same.

    Pushes take turns (on a local disk, by a lock), and each makes sure that what
    serves is still what its model was judged against. Raises NotPushedError if not.

    Args:
      model_path: folder that holds `saved_model.pb`.
      destination: folder of the numbered versions; made where it is absent.
      record: where the model comes from; stored beside it.
      judged: the images it was judged on, as `JudgedImages` writes them; likewise.
    """
    if GRAPH_FILE not in folders.files_below(model_path):
        raise FileNotFoundError(f"no {GRAPH_FILE} in {model_path}: nothing to push")
    with in_turn(destination):
        newest = serving(destination)
        if newest and model_digest(newest.path) == record.model_digest:
            _LOGGER.info("%s serves already as version %d", model_path, newest.version)
            if record.because:
                write_down(destination, _decision(record, newest.version))
            return newest
        if not record.because:
            _require_not_withdrawn(destination, record)
        _require_same_baseline(baseline(destination), record)
        version = next_version(destination)
        final = folders.inside(destination, str(version))
        decision = _decision(record, version)
        record = dataclasses.replace(
            record, pushed_at=decision.when, pushed_by=decision.who
        )
        copy_version(model_path, final, record, judged)
        write_down(destination, decision)
    _LOGGER.info("pushed %s to %s", model_path, final)
    return ServedModel(version, final, record)


def _decision(record: PushRecord, version: int) -> Decision:
    return signed(
        Decision(
            action=BLESS if record.because else PUSH,
            version=version,
            model_digest=record.model_digest,
            because=record.because,
        )
    )


@contextlib.contextmanager
def in_turn(destination: str) -> Iterator[None]:
    """Waits for the destination's lock, holds it, and clears what a killed push left.

    An object store has no lock that every client honours: there, this does nothing.
    """
    if not folders.is_local(destination):
        yield
        return
    os.makedirs(destination, exist_ok=True)
    with open(os.path.join(destination, _LOCK_FILE), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in os.listdir(destination):
            if name.startswith(_INCOMING):  # whoever made it would hold the lock
                shutil.rmtree(os.path.join(destination, name))
        yield


def next_version(destination: str) -> int:
    """A number above all that are or ever were there: the time, where that is."""
    names = (
        os.listdir(destination)
        if folders.is_local(destination)
        else folders.child_folders(destination, GRAPH_FILE)
    )
    used = [int(name) for name in names if name.isascii() and name.isdigit()]
    for decision in decisions(destination):  # of versions that were deleted since
        used += [decision.version, decision.serves or 0]
    return max(int(time.time()), max(used, default=0) + 1)


def _require_not_withdrawn(destination: str, record: PushRecord) -> None:
    decision = not_to_push(destination).get(record.model_digest)
    if decision:
        how = "replaced" if decision.action == PROMOTE else "withdrawn"
        raise NotPushedError(
            f"this very model was {how} ({decision}); `voc-pipeline bless` would "
            "push it all the same"
        )


def _require_same_baseline(newest: ServedModel | None, record: PushRecord) -> None:
    identity = newest.identity if newest else ""
    if identity == record.judged_against:
        return
    judged = record.judged_against.partition(":")[0]
    against = f"version {judged}" if judged else "no served model"
    now = f"version {newest.version} serves" if newest else "nothing serves"
    raise NotPushedError(
        f"it was judged against {against}, and now {now}: run again to judge it anew"
    )


def copy_version(
    source: str, final: str, record: PushRecord, judged: bytes = b""
) -> None:
    """Copies a model to its final place, whole or not at all; the lock is held."""
    if not folders.is_local(final):
        _copy_files(source, final, record, judged)
        return
    destination = os.path.dirname(final)
    aside = os.path.join(destination, f"{_INCOMING}{uuid.uuid4().hex}")
    try:
        _copy_files(source, aside, record, judged)
        folders.sync_folders(aside)
        os.rename(aside, final)
        folders.sync_folder(destination)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _copy_files(source: str, target: str, record: PushRecord, judged: bytes) -> None:
    if judged:
        folders.write_file(folders.inside(target, JUDGED_FILE), judged)
    folders.write_file(folders.inside(target, RECORD_FILE), record.to_json().encode())
    names = folders.files_below(source)
    for name in sorted(names, key=lambda name: (name == GRAPH_FILE, name)):
        if name != RECORD_FILE:
            folders.copy_file(
                folders.inside(source, name), folders.inside(target, name)
            )

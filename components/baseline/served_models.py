"""The push destination: numbered versions of a SavedModel, as TF Serving reads them.

DESTINATION/1764000000/saved_model.pb ...      a whole version
DESTINATION/1764000000/assets.extra/push.json  where it came from
DESTINATION/.incoming-*                        a copy under way, never loaded
"""

import dataclasses
import glob
import hashlib
import json
import logging
import os
import time
import uuid

from apache_beam.io.filesystems import FileSystems

_LOGGER = logging.getLogger(__name__)
_GRAPH_FILE = "saved_model.pb"
_RECORD_FILE = "assets.extra/push.json"


@dataclasses.dataclass(frozen=True)
class PushRecord:
    """Where a served version came from.

    Attributes:
      fingerprint: digest of the data, code and configuration of the run.
      judged_against: identity of the version that served when it was judged, or "".
      model_digest: of the files of the model that was copied.
      ap: mAP on the gate's split; `ap50`: AP50 there.
    """

    fingerprint: str
    judged_against: str
    model_digest: str
    ap: float
    ap50: float


@dataclasses.dataclass(frozen=True)
class ServedModel:
    """One whole version under the push destination."""

    version: int
    path: str
    record: PushRecord | None

    @property
    def identity(self) -> str:
        """Version and content of the graph: a version that is replaced differs."""
        with FileSystems.open(FileSystems.join(self.path, _GRAPH_FILE)) as graph:
            digest = hashlib.sha256(graph.read()).hexdigest()
        return f"{self.version}:{digest[:16]}"


def served_models(destination: str) -> list[ServedModel]:
    """Whole versions under `destination`, oldest first; none where it is absent."""
    pattern = FileSystems.join(glob.escape(destination), "*", _GRAPH_FILE)
    (match,) = FileSystems.match([pattern])
    found = []
    for metadata in match.metadata_list:
        path = os.path.dirname(metadata.path)
        name = os.path.basename(path)
        if name.isdigit():
            found.append(ServedModel(int(name), path, _read_record(path)))
    return sorted(found, key=lambda model: model.version)


def baseline_identity(destination: str, fingerprint: str) -> str:
    """Identity of the version a run with this fingerprint is judged against, or "".

    A run is not judged against its own product: where the newest version came from
    the same data, code and configuration, the answer is the one that version itself
    was judged against. So running twice gives the same answer twice, and a cache
    keyed on it stays valid.
    """
    models = served_models(destination)
    if not models:
        return ""
    newest = models[-1]
    if newest.record and newest.record.fingerprint == fingerprint:
        return newest.record.judged_against
    return newest.identity


def find(destination: str, identity: str) -> ServedModel | None:
    """The version with this identity; where it was pruned, the newest; else None."""
    models = served_models(destination)
    exact = [model for model in models if model.identity == identity]
    candidates = exact or models
    return candidates[-1] if candidates else None


def model_digest(model_path: str) -> str:
    """Digest of the names and contents of all files of a SavedModel."""
    digest = hashlib.sha256()
    for name in sorted(_files_below(model_path)):
        digest.update(f"{len(name)}:{name}".encode())
        with FileSystems.open(FileSystems.join(model_path, *name.split("/"))) as source:
            digest.update(hashlib.sha256(source.read()).digest())
    return digest.hexdigest()[:32]


def push(model_path: str, destination: str, record: PushRecord) -> ServedModel:
    """Copies a SavedModel under `destination` as its newest version.

    A reader never sees half a version: on a local disk the copy is made aside and
    renamed; elsewhere, where nothing renames a folder at once, the graph file, which
    loaders and `served_models` look for, is copied last. Where the newest version is
    this very model already, it stays and is returned.

    Args:
      model_path: folder that holds `saved_model.pb`.
      destination: folder of the numbered versions; made where it is absent.
      record: where the model comes from; stored beside it.
    """
    served = served_models(destination)
    newest = served[-1] if served else None
    if newest and newest.record and newest.record.model_digest == record.model_digest:
        _LOGGER.info("%s serves already as version %d", model_path, newest.version)
        return newest
    version = max(int(time.time()), newest.version + 1 if newest else 0)
    final = FileSystems.join(destination, str(version))
    local = _is_local(destination)
    aside = FileSystems.join(destination, f".incoming-{uuid.uuid4().hex}")
    target = aside if local else final
    try:
        _copy_version(model_path, target, record)
        if local:
            os.rename(aside, final)
    finally:
        if local and os.path.isdir(aside):
            FileSystems.delete([aside])
    _LOGGER.info("pushed %s to %s", model_path, final)
    return ServedModel(version, final, record)


def _copy_version(source: str, target: str, record: PushRecord) -> None:
    files = _files_below(source)
    if _GRAPH_FILE not in files:
        raise FileNotFoundError(f"no {_GRAPH_FILE} in {source}: nothing to push")
    record_path = FileSystems.join(target, *_RECORD_FILE.split("/"))
    _make_folder(os.path.dirname(record_path))
    with FileSystems.create(record_path, mime_type="application/json") as sink:
        sink.write(json.dumps(dataclasses.asdict(record), sort_keys=True).encode())
    for name in sorted(files, key=lambda name: (name == _GRAPH_FILE, name)):
        if name != _RECORD_FILE:
            copied = FileSystems.join(target, *name.split("/"))
            _make_folder(os.path.dirname(copied))
            FileSystems.copy([FileSystems.join(source, *name.split("/"))], [copied])


def _files_below(folder: str) -> list[str]:
    """Paths of all files in a folder and below, relative to it, with slashes."""
    if _is_local(folder):
        return [
            os.path.relpath(os.path.join(place, name), folder).replace(os.sep, "/")
            for place, _, names in os.walk(folder)
            for name in names
        ]
    (match,) = FileSystems.match([glob.escape(folder.rstrip("/")) + "/**"])
    start = len(folder.rstrip("/")) + 1
    return [metadata.path[start:] for metadata in match.metadata_list]


def _is_local(path: str) -> bool:
    return "://" not in path


def _make_folder(path: str) -> None:
    if _is_local(path):  # object stores have no folders to make
        os.makedirs(path, exist_ok=True)


def _read_record(path: str) -> PushRecord | None:
    record_path = FileSystems.join(path, *_RECORD_FILE.split("/"))
    if not FileSystems.exists(record_path):
        return None
    with FileSystems.open(record_path) as source:
        return PushRecord(**json.loads(source.read()))

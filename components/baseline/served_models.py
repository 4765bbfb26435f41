"""The push destination: numbered versions of a SavedModel, as TF Serving reads them.

DESTINATION/1764000000/saved_model.pb ...      a whole version
DESTINATION/1764000000/assets.extra/push.json  where it came from
DESTINATION/.incoming-*                        a copy under way, never loaded
DESTINATION/.lock                              held by whoever pushes
DESTINATION/.history/                          what was decided, and why
"""

import dataclasses
import hashlib

from components.baseline.folders import (
    child_folders,
    file_digest,
    file_sizes,
    files_below,
    inside,
)
from components.baseline.history import withdrawn
from components.baseline.push_record import (
    BESIDE_THE_MODEL,
    NOTES,
    PushRecord,
    read_record,
)

GRAPH_FILE = "saved_model.pb"


@dataclasses.dataclass(frozen=True)
class ServedModel:
    """One whole version under the push destination."""

    version: int
    path: str
    record: PushRecord | None

    @property
    def identity(self) -> str:
        """Version and content: a version any file of which is replaced differs."""
        return f"{self.version}:{model_digest(self.path)}"


def served_models(destination: str) -> list[ServedModel]:
    """Whole versions under `destination`, oldest first; none where it is absent."""
    numbers = [
        name
        for name in child_folders(destination, GRAPH_FILE)
        if name.isascii() and name.isdigit()
    ]
    return [
        ServedModel(int(name), path, read_record(path))
        for name in sorted(numbers, key=int)
        for path in [inside(destination, name)]
    ]


def serving(destination: str) -> ServedModel | None:
    """The version that a server loads: the newest; None where there is none."""
    models = served_models(destination)
    return models[-1] if models else None


def baseline(destination: str) -> ServedModel | None:
    """The version that candidates are compared with: the newest not withdrawn."""
    refused = withdrawn(destination)
    for model in reversed(served_models(destination)):
        if not refused or model_digest(model.path) not in refused:
            return model
    return None


def baseline_digest(destination: str) -> str:
    """Digest of that version's files, or ""."""
    newest = baseline(destination)
    return model_digest(newest.path) if newest else ""


def baseline_identity(destination: str, own_digest: str) -> str:
    """Identity of the version a run is judged against, or "".

    A run is not judged against its own product: where the version that serves is, to
    the last byte, the model that this root made of the same data, code and config
    (`own_digest`, or "" where it made none), the answer is the one that version itself
    was judged against. So running twice gives the same answer twice, and a cache keyed
    on it stays valid. A model that another root made of the same is another model.
    """
    newest = baseline(destination)
    if newest is None:
        return ""
    if newest.record and own_digest and model_digest(newest.path) == own_digest:
        return newest.record.judged_against
    return newest.identity


def find(destination: str, identity: str) -> ServedModel | None:
    """The version with this identity; where it was pruned, the baseline of now."""
    version = identity.partition(":")[0]
    for model in served_models(destination):
        if str(model.version) == version and model.identity == identity:
            return model
    return baseline(destination)


def model_digest(model_path: str) -> str:
    """Digest of the names and contents of all files of a SavedModel.

    Without what a push writes beside it, so that it has the same before and after.
    """
    digest = hashlib.sha256()
    for name in sorted(files_below(model_path)):
        if name not in BESIDE_THE_MODEL:
            digest.update(f"{len(name)}:{name}".encode())
            digest.update(bytes.fromhex(file_digest(inside(model_path, name))))
    return digest.hexdigest()[:32]


def size_bytes(model_path: str) -> int:
    """Size of a version's files together."""
    return sum(file_sizes(model_path).values())


def export_bytes(model_path: str) -> int:
    """The same, without what a push writes beside the model, and notes in it."""
    besides = {*BESIDE_THE_MODEL, *NOTES}
    sizes = file_sizes(model_path)
    return sum(size for name, size in sizes.items() if name not in besides)

"""A digest that changes when a data set does; the cache of the DAG sees nothing else.

Imports nothing heavy: it runs before every run, also one that reuses everything.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator

from components.example_gen.source import remote, spans, storage
from components.example_gen.source.names import IMAGE_SUFFIXES, suffix_of
from schemas.user_error import UserError

# Contents up to here, at some 1 GB/s; above, name, size and time of change.
CONTENT_LIMIT_BYTES = 1 << 30
_SUFFIXES = {".xml", ".txt", *IMAGE_SUFFIXES}
_CHUNK_BYTES = 1 << 20


def data_digest(data: str, span: int | str | None = None) -> str:
    """Digest of all annotations, images and text files of a data set.

    Up to `CONTENT_LIMIT_BYTES` in all it is over their contents, so that a copy of
    the data set has the same digest; above, over names, sizes and times of change in
    nanoseconds, and over the contents of annotations and image sets as far as these
    alone stay under the limit. Of files in a store it is over what the store lists, if
    that has times: one request is a thousand names there, or one content.
    """
    resolved = spans.resolve(data, span)
    entries = [
        entry
        for entry in storage.list_files(resolved.root)
        if suffix_of(entry.name).lower() in _SUFFIXES
    ]
    texts = [e for e in entries if e.name.lower().endswith((".xml", ".txt"))]
    by_content: set[str] = set()
    is_store = remote.is_remote(resolved.root) and not storage.is_tar(resolved.root)
    reads = not is_store or any(entry.mtime_ns == 0 for entry in entries)
    for group in (texts, entries) if reads else ():
        if sum(entry.ref.size for entry in group) <= CONTENT_LIMIT_BYTES:
            by_content.update(entry.name for entry in group)
    digest = hashlib.sha256(f"span {resolved.span}\n".encode())
    for entry in entries:
        digest.update(entry.name.encode("utf-8", "surrogateescape") + b"\0")
        if entry.name in by_content:
            _add_content(digest, entry.ref)
        else:
            digest.update(f"{entry.ref.size} {entry.mtime_ns}\n".encode())
    return digest.hexdigest()[:32]


@contextlib.contextmanager
def unchanged(data: str, span: int | str | None, digest: str) -> Iterator[None]:
    """UserError if the data are no longer what the digest says, or change inside.

    Inside, what is read is what the digest is over: a file that is edited and put back
    has a later time of change, which no tool sets back. "" is no digest to compare.
    """
    root = spans.resolve(data, span).root
    before = _stamps(root)
    if digest and data_digest(data, span) != digest:
        raise UserError(f"{root} has changed since the run began: start it again")
    yield
    after = _stamps(root)
    if after != before:
        names = before.keys() | after.keys()
        changed = sorted(n for n in names if before.get(n) != after.get(n))
        raise UserError(
            f"{root} changed while it was read ({len(changed)} files, the first is "
            f"{changed[0]}): leave the data alone and start the run again"
        )


def _stamps(root: str) -> dict[str, tuple[int, ...]]:
    """Size and times of change by name; a tar has one pair for all of its members."""
    if storage.is_tar(root) and not remote.is_remote(root):
        info = os.stat(root)
        return {root: (info.st_size, info.st_mtime_ns, info.st_ctime_ns)}
    return {
        entry.name: (entry.ref.size, entry.mtime_ns, entry.ctime_ns)
        for entry in storage.list_files(root)
        if suffix_of(entry.name).lower() in _SUFFIXES
    }


def _add_content(digest: "hashlib._Hash", ref: storage.FileRef) -> None:
    """Adds size and content of a file or tar member."""
    digest.update(f"{ref.size}\n".encode())
    try:
        with storage.open_read(ref.path) as file:
            file.seek(max(ref.offset, 0))
            left = ref.size
            while chunk := file.read(min(left, _CHUNK_BYTES)):
                digest.update(chunk)
                left -= len(chunk)
    except OSError as error:  # ingest will reject it, with this as the reason
        digest.update(f"unreadable: {error.strerror}\n".encode())

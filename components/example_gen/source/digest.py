"""A digest that changes when a data set does; the cache of the DAG sees nothing else.

Imports nothing heavy: it runs before every run, also one that reuses everything.
"""

import contextlib
import hashlib
import os
import zlib
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
    place, rows, all_bytes, text_bytes = "", list[str](), 0, 0
    is_store = remote.is_remote(resolved.root) and not storage.is_tar(resolved.root)
    reads = not is_store
    for entry in _files(resolved.root):
        # A text takes half of what an entry does; \0 sorts before all that names have.
        rows.append(f"{entry.name}\0{entry.size}\0{entry.mtime_ns}\0{entry.offset}")
        place = entry.place
        all_bytes += entry.size
        text_bytes += entry.size if _is_text(entry.name) else 0
        reads = reads or entry.mtime_ns == 0
    rows.sort()
    digest = hashlib.sha256(f"span {resolved.span}\n".encode())
    for row in rows:
        name, size, mtime_ns, offset = row.split("\0")
        digest.update(name.encode("utf-8", "surrogateescape") + b"\0")
        with_it = text_bytes if _is_text(name) else all_bytes
        if reads and with_it <= CONTENT_LIMIT_BYTES:
            _add_content(digest, storage.Entry(name, int(size), place, int(offset)))
        else:
            digest.update(f"{size} {mtime_ns}\n".encode())
    return digest.hexdigest()[:32]


def _files(root: str) -> Iterator[storage.Entry]:
    for entry in storage.each_file(root):
        if suffix_of(entry.name).lower() in _SUFFIXES:
            yield entry


def _is_text(name: str) -> bool:
    return name.lower().endswith((".xml", ".txt"))


@contextlib.contextmanager
def unchanged(data: str, span: int | str | None, digest: str) -> Iterator[None]:
    """UserError if the data are no longer what the digest says, or change inside.

    Inside, what is read is what the digest is over: a file that is edited and put back
    has a later time of change, which no tool sets back. "" is no digest to compare.
    """
    root = spans.resolve(data, span).root
    before = _Stamps(root)
    if digest and data_digest(data, span) != digest:
        raise UserError(f"{root} has changed since the run began: start it again")
    yield
    after = _Stamps(root)
    if after.digest != before.digest:
        changed = sorted(before.changed(after))
        raise UserError(
            f"{root} changed while it was read ({len(changed)} files, the first is "
            f"{changed[0]}): leave the data alone and start the run again"
        )


class _Stamps:
    """Size and times of change of every file, packed; a tar has one pair for all."""

    def __init__(self, root: str) -> None:
        self.digest = 0  # in whatever order they are listed
        pack = zlib.compressobj(1)
        parts = []
        for name, stamp in _stamped(root):
            line = f"{name}\0{stamp}\0".encode("utf-8", "surrogateescape")
            own = hashlib.blake2b(line, digest_size=16).digest()
            self.digest += int.from_bytes(own, "big")
            parts.append(pack.compress(line))
        self._packed = b"".join([*parts, pack.flush()])

    def changed(self, other: "_Stamps") -> set[str]:
        """Names of the files that are not in both, or not the same."""
        return {line[0] for line in self._lines() ^ other._lines()}

    def _lines(self) -> set[tuple[str, str]]:
        text = zlib.decompress(self._packed).decode("utf-8", "surrogateescape")
        fields = text.split("\0")
        return set(zip(fields[:-1:2], fields[1::2], strict=True))


def _stamped(root: str) -> Iterator[tuple[str, str]]:
    if storage.is_tar(root) and not remote.is_remote(root):
        info = os.stat(root)
        yield root, f"{info.st_size} {info.st_mtime_ns} {info.st_ctime_ns}"
        return
    for entry in _files(root):
        yield entry.name, f"{entry.size} {entry.mtime_ns} {entry.ctime_ns}"


def _add_content(digest: "hashlib._Hash", entry: storage.Entry) -> None:
    """Adds size and content of a file or tar member."""
    digest.update(f"{entry.size}\n".encode())
    try:
        with storage.open_read(entry.path) as file:
            file.seek(max(entry.offset, 0))
            left = entry.size
            while chunk := file.read(min(left, _CHUNK_BYTES)):
                digest.update(chunk)
                left -= len(chunk)
    except OSError as error:  # ingest will reject it, with this as the reason
        digest.update(f"unreadable: {error.strerror}\n".encode())

"""Reading files: local paths directly, everything else through Beam filesystems."""

import os
import stat
import tarfile
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, cast

from components.example_gen.source import remote
from schemas.user_error import UserError


class Entry(NamedTuple):
    """One file of a data set; flat, as there are millions."""

    name: str  # relative to the root, "/" between parts
    size: int
    place: str  # what stands before `name` in the path; of a tar's member the tar
    offset: int = -1  # where it begins inside a tar; -1 of a file of its own
    escapes: bool = False  # a symlink that leads out of the data set
    mtime_ns: int = 0
    ctime_ns: int = 0  # of the last change, which no tool sets back; 0 where unknown
    replaced: int = 0  # earlier members of a tar that have the same name

    @property
    def path(self) -> str:
        """Of the file that holds it: absolute, or a URL."""
        return self.place + self.name if self.offset < 0 else self.place


class TooLargeError(Exception):
    """The file is larger than the caller will hold in memory."""


# Beam's own; a filesystem that a program brings itself is one more.
SCHEMES: tuple[str, ...] = ("gs", "s3", "hdfs", "azfs")


def require_known_scheme(path: str, what: str) -> None:
    """UserError for a URL that no filesystem of Beam reads; Beam is not imported."""
    scheme, separator, _ = path.partition("://")
    if separator and scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise UserError(
            f"{what} {path}: nothing here reads {scheme}://; "
            f"name a local path or one of {known}"
        )


def open_read(path: str) -> BinaryIO:
    """Opens for reading; Beam is imported for remote paths only (3 s)."""
    if not remote.is_remote(path):
        return open(path, "rb")
    system = remote.of(path)
    from apache_beam.io.filesystem import CompressionTypes

    plain = CompressionTypes.UNCOMPRESSED
    return cast(BinaryIO, system.open(path, compression_type=plain))


def read_bytes(entry: Entry, max_bytes: int) -> bytes:
    """Content of a file or tar member; TooLargeError above max_bytes."""
    if entry.offset < 0 and not remote.is_remote(entry.path):
        return _read_local(entry.path, max_bytes)
    if entry.size > max_bytes:
        raise TooLargeError(f"{entry.size} bytes")
    with open_read(entry.path) as file:
        file.seek(max(entry.offset, 0))
        return file.read(entry.size)


def _read_local(path: str, max_bytes: int) -> bytes:
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        if size > max_bytes:
            raise TooLargeError(f"{size} bytes")
        return file.readall()


def exists(path: str) -> bool:
    """Whether there is a file or directory."""
    if not remote.is_remote(path):
        return os.path.exists(path)
    system = remote.of(path)
    if system.has_dirs():  # HDFS refuses to list one that is not there
        return bool(system.exists(path))
    is_file = "/" in path.partition("://")[2].rstrip("/")  # else a bucket
    return (is_file and system.exists(path)) or any(True for _ in remote.listed(path))


def size(path: str) -> int:
    """Bytes of a file; -1 where there is none."""
    if not remote.is_remote(path):
        return os.path.getsize(path) if os.path.exists(path) else -1
    system = remote.of(path)
    return int(system.metadata(path).size_in_bytes) if system.exists(path) else -1


def is_tar(path: str) -> bool:
    """Whether a path names a tar; compressed ones are refused with advice."""
    lowered = path.lower()
    if lowered.endswith((".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")):
        raise UserError(
            f"{path}: a compressed archive cannot be read in parallel; unpack it, or "
            "make a plain .tar of it"
        )
    return lowered.endswith(".tar")


def list_files(root: str, *, times: bool = True) -> list[Entry]:
    """Every file below a directory or inside a tar, sorted by name.

    Without `times` they are 0, which takes 70 bytes less a file.
    """
    return sorted(each_file(root, times=times))


def each_file(root: str, *, times: bool = True) -> Iterator[Entry]:
    """The same one by one, in no order; all have one `place`."""
    if is_tar(root):
        entries = _list_tar(root)
    elif remote.is_remote(root):
        entries = _list_remote(root)
    else:
        entries = _list_local(root, times=times)
    return (entry for entry in entries if not _is_junk(entry.name))


def _is_junk(name: str) -> bool:
    """Hidden files, and what macOS puts into archives."""
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def _list_local(root: str, *, times: bool) -> Iterator[Entry]:
    home, folder = os.path.realpath(root), os.path.join(os.path.abspath(root), "")
    sizes: dict[int, int] = {}  # one number for all files of a size
    # (directory, name prefix, whether it lies outside, real paths above it)
    pending = [(root, "", False, frozenset({home}))]
    while pending:
        directory, prefix, outside, above = pending.pop()
        with os.scandir(directory) as children:
            for child in children:
                escapes = outside
                if child.is_symlink():
                    real = os.path.realpath(child.path)
                    escapes = os.path.commonpath([home, real]) != home
                    if real in above:  # a link to a directory above: a loop
                        continue
                if child.is_dir():
                    real = os.path.realpath(child.path)
                    name = f"{prefix}{child.name}/"
                    pending.append((child.path, name, escapes, above | {real}))
                elif child.is_file():  # neither pipes, sockets nor devices
                    info = child.stat()
                    changed = (info.st_mtime_ns, info.st_ctime_ns) if times else (0, 0)
                    name = prefix + child.name
                    size = sizes.setdefault(info.st_size, info.st_size)
                    yield Entry(name, size, folder, -1, escapes, *changed)


def _list_remote(root: str) -> Iterator[Entry]:
    base = root.rstrip("/") + "/"
    for found in remote.listed(root):
        name = found.path[len(base) :]
        yield Entry(name, found.size, base, mtime_ns=int(found.changed_s * 1e9))


def _list_tar(path: str) -> Iterator[Entry]:
    """Members as `tar x` would leave them: of two of one name the last, links resolved.

    A link leads to a member; to anything else, or to a directory, it leads nowhere.
    """
    location = path if remote.is_remote(path) else os.path.abspath(path)
    entries: dict[str, Entry] = {}
    symlinks: dict[str, str] = {}
    times: Counter[str] = Counter()
    try:
        with open_read(path) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
                name = _tar_name(member.name)
                times[name] += 1
                if member.isreg() and not member.issparse():
                    at = (location, member.offset_data, name.startswith(".."))
                    mtime_ns = int(member.mtime * 1e9)
                    entries[name] = Entry(name, member.size, *at, mtime_ns)
                elif member.islnk() and _tar_name(member.linkname) in entries:
                    first = entries[_tar_name(member.linkname)]
                    entries[name] = first._replace(name=name)
                elif member.issym():
                    entries.pop(name, None)
                    target = os.path.join(os.path.dirname(name), member.linkname)
                    symlinks[name] = os.path.normpath(target)
    except (tarfile.TarError, EOFError) as error:
        raise UserError(f"{path} is not a readable tar: {error}") from error
    yield from _left_by_tar(entries, symlinks, times)


def _left_by_tar(
    entries: dict[str, Entry], symlinks: dict[str, str], times: Counter[str]
) -> Iterator[Entry]:
    """The last of the members of each name, and what links lead to."""
    for name, entry in entries.items():
        yield entry._replace(replaced=times[name] - 1)
    for name, target in symlinks.items():
        if name not in entries and target in entries:
            yield entries[target]._replace(name=name)


def _tar_name(name: str) -> str:
    return os.path.normpath(name).lstrip("/")


def is_directory(path: str) -> bool:
    """Whether a local path is a directory; any remote one is taken for one."""
    if remote.is_remote(path):
        return True
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except OSError:
        return False

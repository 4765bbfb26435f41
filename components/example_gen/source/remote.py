"""Stores behind Beam's file systems: gs://, s3://, hdfs:// and what a program brings.

Beam is imported at the first use (3 s).
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any, NamedTuple

from components.example_gen.source import access
from schemas.user_error import UserError

# Their files are there as a whole or not at all, and to rename is to copy.
_OBJECTS = ("gs://", "s3://", "azfs://")
_DELETED_AT_ONCE = 1000


def is_remote(path: str) -> bool:
    """Whether a path needs Beam's file systems."""
    return "://" in path


def is_object(path: str) -> bool:
    """Whether a path names an object of a store, which nobody sees half written."""
    return path.startswith(_OBJECTS)


class _Told:
    """What this process was told to tell Beam, before there was a pipeline."""

    flags: Sequence[str] = ()
    options: Mapping[str, Any] = MappingProxyType({})


def tell(beam_args: Sequence[str]) -> None:
    """What Beam's file systems are to know in this process: --s3_endpoint_url=...

    What a pipeline that is made here says comes first, as in a worker of an engine what
    that was started with.
    """
    _Told.flags = tuple(beam_args)
    if "apache_beam" in sys.modules:
        from apache_beam.io.filesystems import FileSystems

        FileSystems.set_options(None)


def tell_as(options: Mapping[str, Any]) -> None:
    """The same in a child, by its parent's `told`."""
    _Told.options = options


def told() -> dict[str, Any]:
    """What the file systems know here; nothing before they were asked for anything.

    It imports nothing: another thread may be about to.
    """
    module = sys.modules.get("apache_beam.io.filesystems")
    systems = getattr(module, "FileSystems", None)
    if systems is None or _options(systems) is None:
        return {}
    known = _options(systems).get_all_options(drop_default=True)
    plain = (str, int, float, list)
    return {name: value for name, value in known.items() if isinstance(value, plain)}


def file_systems() -> Any:
    """Beam's FileSystems, which know what they were told."""
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.options.pipeline_options import PipelineOptions

    if _options(FileSystems) is None:
        given = PipelineOptions(list(_Told.flags), **_Told.options)
        FileSystems.set_options(given)
    return FileSystems


def _options(systems: Any) -> Any:
    return systems._pipeline_options  # there is no other way to ask


def of(path: str) -> Any:
    """The file system of a URL; UserError where what it needs is not installed."""
    systems = file_systems()
    if path.startswith("s3://"):
        from components.example_gen.source import s3

        s3.complete()
    elif path.startswith("azfs://"):
        from apache_beam.io.azure import blobstorageio

        if not blobstorageio.AZURE_DEPS_INSTALLED:  # Beam ends in a NameError
            raise UserError(
                f"{path}: azfs:// needs Azure's client, which is not here: "
                "pip install 'apache-beam[azure]'"
            )
    try:
        system = systems.get_filesystem(path)
    except (ValueError, OSError) as error:  # Beam's own error is an OSError
        scheme = path.partition("://")[0]
        causes = getattr(error, "exception_details", None) or {path: error}
        raise UserError(
            f"{path}: Beam has no file system for {scheme}:// here; install what it "
            "needs, or name it with --beam-arg "
            f"({str(causes.get(path, error)).partition('. ')[0]})"
        ) from error
    if path.startswith("gs://"):
        from components.example_gen.source import gs

        gs.complete()
    return system


def require_access(path: str, what: str) -> None:
    """Says early what is wrong with a store, a key or a bucket, where that is known.

    It lists one file, or asks for a folder where there are folders.

    Raises:
      UserError: nothing here reads such a store, or it refuses the keys, or has no
        such bucket.
      UnavailableError: nobody answers.
    """
    scheme, _, place = path.partition("://")
    if f"{scheme}://" in _OBJECTS and place[:1] in {"", "/"}:
        raise UserError(f"{what} {path} names no bucket: {scheme}://BUCKET/FOLDER")
    system = of(path)
    options = _options(file_systems())
    if scheme == "s3":
        from components.example_gen.source import s3

        s3.require_access(path, what, options)
    elif scheme == "gs":
        from components.example_gen.source import gs

        gs.require_access(path, what, options)
    else:
        _require_answer(system, path, f"{what} {path}")


def _require_answer(system: Any, path: str, told: str) -> None:
    """The same of a store that has no module here."""
    try:
        if system.has_dirs():
            system.exists(path)  # a folder that is yet to be made cannot be listed
        else:
            next(listed(path), None)
    except Exception as error:  # of a client whose classes are not known here
        details = getattr(error, "exception_details", None) or {}  # in Beam's own
        cause = next(iter(details.values()), error)
        # Azure's client keeps what went wrong on the way to the store, and only that.
        if isinstance(cause, OSError) or getattr(cause, "inner_exception", None):
            raise access.unanswered(told, cause) from error
        mended_by = "mend the path, or what --beam-arg says of the store and its keys"
        raise access.refused(told, cause, mended_by) from error


class Listed(NamedTuple):
    """A file as its store lists it."""

    path: str
    size: int
    changed_s: float  # time of the last change; 0 where it is not told
    crc32c: int | None = None  # likewise


def listed(folder: str) -> Iterator[Listed]:
    """Every file below a folder, as the store tells them."""
    base = folder.rstrip("/") + "/"
    for found in _listed(of(base), base):
        if found.path.startswith(base) and found.path != base:
            yield found


def _listed(system: Any, base: str) -> Iterator[Listed]:
    if base.startswith("gs://"):
        from components.example_gen.source import gs

        yield from (Listed(*f) for f in gs.listed(base, _options(file_systems())))
        return
    # `match` would hold them all, and take brackets in names for patterns.
    for found in system._list(base[:-1] if system.has_dirs() else base):
        changed_s = found.last_updated_in_seconds or 0.0
        yield Listed(found.path, found.size_in_bytes, changed_s)


def delete_below(folder: str) -> None:
    """Deletes every file below a folder."""
    paths = (found.path for found in listed(folder))
    while batch := list(islice(paths, _DELETED_AT_ONCE)):
        _delete(folder, batch)


def _delete(folder: str, paths: list[str]) -> None:
    system = of(folder)
    if not folder.startswith("gs://"):
        system.delete(paths)
        return
    from components.example_gen.source import gs

    gs.delete(paths, _options(file_systems()))

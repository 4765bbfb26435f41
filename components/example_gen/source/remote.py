"""Stores behind Beam's file systems: gs://, s3://, hdfs:// and what a program brings.

Beam is imported at the first use (3 s).
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any

from schemas.user_error import UnavailableError, UserError

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
    try:
        return systems.get_filesystem(path)
    except (ValueError, OSError) as error:  # Beam's own error is an OSError
        scheme = path.partition("://")[0]
        causes = getattr(error, "exception_details", None) or {path: error}
        raise UserError(
            f"{path}: Beam has no file system for {scheme}:// here; install what it "
            "needs, or name it with --beam-arg "
            f"({str(causes.get(path, error)).partition('. ')[0]})"
        ) from error


def require_access(path: str, what: str) -> None:
    """Says early what is wrong with a store, a key or a bucket, where that is known.

    Raises:
      UserError: nothing here reads such a store, or it refuses the keys, or has no
        such bucket.
      UnavailableError: nobody answers.
    """
    system = of(path)
    if path.startswith("s3://"):
        from components.example_gen.source import s3

        s3.require_access(path, what, _options(file_systems()))
        return
    try:
        system.exists(path)
    except OSError as error:
        raise UnavailableError(
            f"{what} {path}: {str(error).splitlines()[0]}; start the store, or mend "
            "its address"
        ) from error


def listed(folder: str) -> Iterator[Any]:
    """Beam's FileMetadata of every file below a folder, as the store tells them."""
    base = folder.rstrip("/") + "/"
    system = of(base)
    # `match` would hold them all, and take brackets in names for patterns.
    for found in system._list(base[:-1] if system.has_dirs() else base):
        if found.path.startswith(base) and found.path != base:
            yield found


def delete_below(folder: str) -> None:
    """Deletes every file below a folder."""
    paths = (found.path for found in listed(folder))
    while batch := list(islice(paths, _DELETED_AT_ONCE)):
        of(folder).delete(batch)

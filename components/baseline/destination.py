"""Whether a push at the end of a run could succeed, asked before it begins."""

import os
import shutil
import tempfile

from components.baseline.folders import is_local
from components.baseline.served_models import served_models, size_bytes
from schemas.user_error import UserError

# A push copies one model; the largest of our presets exports 150 MB.
_LEAST_ROOM_BYTES = 256 * 2**20


def require_writable(folder: str, option: str) -> None:
    """Refuses, in a line, a local folder that cannot be written, or a full disk."""
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x" * 4096)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        raise UserError(
            f"{option} {folder} cannot be written ({error.strerror}); "
            "name a folder that you may write to"
        ) from error


def require_room(folder: str, needed_bytes: int, option: str) -> None:
    """Refuses, in a line, a disk that a run would fill."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise UserError(
            f"{option} {folder}: {free / 2**20:.0f} MiB are free on its disk, and "
            f"{needed_bytes / 2**20:.0f} MiB are needed; make room or name another"
        )


def require_pushable(destination: str) -> None:
    """Refuses a destination that a push could not write, or whose records are damaged.

    Raises UserError, in a line.
    """
    option = "--push-destination"
    if not is_local(destination):
        try:
            served_models(destination)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{option} {destination} cannot be listed: {error}"
            ) from error
        return
    require_writable(destination, option)
    versions = served_models(destination)
    largest = max((size_bytes(version.path) for version in versions), default=0)
    require_room(destination, max(_LEAST_ROOM_BYTES, 2 * largest), option)

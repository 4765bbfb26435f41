"""A disk that filled up while a command wrote, however a library tells it."""

import errno
import re

from schemas.user_error import UserError

_FULL = (errno.ENOSPC, errno.EDQUOT)
# As text: what TensorFlow and HDF5 raise has no number, nor has what a runner hands on.
_TOLD = re.compile(
    r"[^\n]*(No space left on device|Disk quota exceeded|database or disk is full)"
)


def full_disk_in(error: BaseException) -> UserError | None:
    """The line about a full disk inside what libraries wrapped around it, or None."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _FULL:
            place = f" at {cause.filename}" if cause.filename else ""
            return _line(f"{cause.strerror}{place}")
        if told := _TOLD.search(str(cause)):
            return _line(told.group().strip())
        cause = cause.__cause__ or cause.__context__
    return None


def _line(told: str) -> UserError:
    return UserError(f"the disk is full ({told}); make room and repeat the command")

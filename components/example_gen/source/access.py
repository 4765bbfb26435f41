"""Why a store cannot be used, as the line that a user gets; each names its cause."""

from schemas.user_error import UnavailableError, UserError


def no_bucket(told: str, bucket: str) -> UserError:
    """Of a bucket that is not there; `told` names the option and the path."""
    return UserError(f"{told}: there is no bucket {bucket}; make it, or name another")


def unanswered(told: str, error: BaseException) -> UnavailableError:
    """Nobody answers there, or not for long enough."""
    return UnavailableError(
        f"{told}: {line_of(error)}; start the store, or mend its address"
    )


def refused(told: str, error: BaseException, mended_by: str) -> UserError:
    """The store, or its client on this machine, says no."""
    return UserError(f"{told}: {line_of(error)}; {mended_by}")


def line_of(error: BaseException) -> str:
    """An error's text in one line, to which more is added."""
    return " ".join(str(error).split()).rstrip(".")

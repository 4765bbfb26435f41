"""The exceptions that mean: the caller can mend this."""


class UserError(Exception):
    """Bad input, told in one line: what is wrong, where, and how to mend it.

    The command line prints the message alone and exits with status 2; anything
    else that is raised is a defect of ours and keeps its traceback.

    Attributes:
      span: of a data set, whose fault it is, where that is known.
    """

    span: int | None = None


class RefusedError(UserError):
    """The input is usable, and a rule of the config refuses it: exit status 1."""


class ModelRefusedError(RefusedError):
    """The data are good, but no model of them could pass the gate: none is trained."""


class UnavailableError(UserError):
    """Something outside that this needs is not there, or was lost: exit status 69."""


def user_error_in(error: BaseException) -> UserError | None:
    """The user's mistake inside what Beam and TFX wrapped around it, or None."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, UserError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None

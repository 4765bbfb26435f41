"""What an engine's errors mean to a user: one line, and which exit status."""

import re

import grpc

from schemas.user_error import RefusedError, UnavailableError, UserError

_STEP = re.compile(r" \[while running '.*")  # Beam's, behind what a worker raised
# What Beam and Java put before what is said.
_JAVA = re.compile(r"^Pipeline \S+ failed in state \w+: |(?:\w+\.)+\w+Exception: ")
LOST = (grpc.RpcError, grpc.FutureTimeoutError, ConnectionError)


def told_of(
    error: BaseException, where: str, *, is_ours: bool = False
) -> UserError | None:
    """What an engine's error means to a user; None if it is a defect or no error.

    `is_ours` is whether the command starts the engine, or its job server, itself.
    """
    if isinstance(error, LOST):
        again = "" if is_ours else "start it again and "
        return UnavailableError(
            f"{where} is lost: {first_line(error)}; {again}repeat the command"
        )
    if not isinstance(error, RuntimeError):
        return None
    text = str(error)
    if told := _told_to_a_worker(text):
        return told
    if "Traceback (most recent call last)" in text:
        return None  # our code, or a library, in a worker
    said = _JAVA.sub("", first_line(error))
    mended_by = "repeat the command"
    if "fresh sort buffer" in said:  # Flink's, of a record that its memory cannot hold
        mended_by = f"raise taskmanager.memory.managed.size, then {mended_by}"
    return UnavailableError(f"{where} ended the job: {said}; {mended_by}")


def _told_to_a_worker(text: str) -> UserError | None:
    """What a worker raised for the user, of which an engine hands on the text."""
    kinds = {f"{kind.__module__}.{kind.__qualname__}": kind for kind in _kinds()}
    names = "|".join(map(re.escape, kinds))
    found = re.search(rf"\b({names}): (.+)", text)
    if found is None:
        return None
    name, said = found.groups()
    statuses = {RefusedError, UnavailableError, UserError}
    kind = next(one for one in kinds[name].__mro__ if one in statuses)
    return kind(_STEP.sub("", said).strip())


def _kinds(kind: type[UserError] = UserError) -> list[type[UserError]]:
    return [kind, *(one for part in kind.__subclasses__() for one in _kinds(part))]


def not_started(error: BaseException, where: str) -> UserError | None:
    """What an error means that came before there was a job; None as of `told_of`."""
    if isinstance(error, (*LOST, UserError)):
        return told_of(error, where)
    # a name that leads nowhere, or a program such as java that is not here
    if not isinstance(error, (ValueError, OSError)) and type(error) is not RuntimeError:
        return None
    kind = UserError if isinstance(error, ValueError) else UnavailableError
    return kind(
        f"{where} did not start: {first_line(error)}; docs/runners.md says "
        "what must be there"
    )


def first_line(error: BaseException) -> str:
    """The first line of what an error says; of gRPC's with its code."""
    if isinstance(error, grpc.RpcError) and callable(getattr(error, "code", None)):
        details = str(error.details() or "").splitlines()
        return f"{error.code().name.lower()}: {details[0] if details else ''}"
    return (str(error).splitlines() or [type(error).__name__])[0]

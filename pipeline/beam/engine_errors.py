"""What an engine's errors mean to a user: one line, and which exit status."""

import importlib
import re
import subprocess

import grpc

from schemas.full_disk import full_disk_in
from schemas.user_error import RefusedError, UnavailableError, UserError

_STEP = re.compile(r" \[while running '.*")  # Beam's, behind what a worker raised
# What Beam and Java put before what is said.
_JAVA = re.compile(r"^Pipeline \S+ failed in state \w+: |(?:\w+\.)+\w+Exception: ")
# The last line of a trace, of a class of ours.
_RAISED = re.compile(r"\b((?:schemas|trainer|components|pipeline)(?:\.\w+)+): (.+)")
LOST = (grpc.RpcError, grpc.FutureTimeoutError, ConnectionError)
_UNANSWERED = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
}


def told_of(
    error: BaseException, where: str, *, is_ours: bool = False, said: str = ""
) -> UserError | None:
    """What an engine's error means to a user; None if it is a defect or no error.

    `is_ours` is whether the command starts the engine, or its job server, itself;
    `said` is what that wrote last.
    """
    if isinstance(error, LOST):
        again = "" if is_ours else "start it again and "
        return UnavailableError(
            f"{where} is lost: {first_line(error)}{_last(said)}; {again}repeat the "
            "command"
        )
    if not isinstance(error, RuntimeError):
        return None
    text = str(error)
    if told := _told_to_a_worker(text):
        return told
    if "Traceback (most recent call last)" in text:
        return None  # our code, or a library, in a worker
    why = _JAVA.sub("", first_line(error)) + _last(said)
    mended_by = "repeat the command"
    if "fresh sort buffer" in why:  # Flink's, of a record that its memory cannot hold
        mended_by = f"raise taskmanager.memory.managed.size, then {mended_by}"
    return UnavailableError(f"{where} ended the job: {why}; {mended_by}")


def _told_to_a_worker(text: str) -> UserError | None:
    """What a worker raised for the user, of which an engine hands on the text."""
    for name, said in _RAISED.findall(text):
        if kind := _kind(name):
            return kind(_STEP.sub("", said).strip())
    return None


def _kind(name: str) -> type[UserError] | None:
    """What a class means to a user, by its name; of a defect nothing.

    A class that only the worker has imported is imported here.
    """
    module, _, class_name = name.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), class_name, None)
    except ImportError:  # of another version of this program
        return None
    if not (isinstance(kind, type) and issubclass(kind, UserError)):
        return None
    statuses = {RefusedError, UnavailableError, UserError}
    return next(one for one in kind.__mro__ if one in statuses)


def not_started(
    error: BaseException, where: str, *, is_ours: bool = False, said: str = ""
) -> UserError | None:
    """What an error means that came before there was a job; None as of `told_of`.

    `said` is the last line of a server that the command has started.
    """
    if isinstance(error, (*LOST, UserError)):
        return told_of(error, where, is_ours=is_ours, said=said)
    # a name that leads nowhere, or a program such as java that is not here
    if not isinstance(error, (ValueError, OSError)) and type(error) is not RuntimeError:
        return None
    kind = UserError if isinstance(error, ValueError) else UnavailableError
    return kind(
        f"{where} did not start: {first_line(error)}{_last(said)}; docs/runners.md "
        "says what must be there"
    )


def not_handed_over(
    error: BaseException, where: str, *, is_ours: bool, said: str = ""
) -> UserError | None:
    """What an error means while a job is handed over; None as of `told_of`."""
    if not isinstance(error, (*LOST, OSError)):
        return None
    if told := full_disk_in(error):
        return told
    if not isinstance(error, LOST):  # of an engine that is asked by its REST interface
        return UnavailableError(
            f"{where} cannot be reached: {first_line(error)}; see that the address is "
            "right and the engine runs"
        )
    code = error.code() if isinstance(error, grpc.Call) else None
    if code is None or code in _UNANSWERED:
        return told_of(error, where, is_ours=is_ours, said=said)
    kind = UserError if code is grpc.StatusCode.INVALID_ARGUMENT else UnavailableError
    return kind(f"{where} takes no such job: {first_line(error)}; its log says more")


def not_packed(error: Exception) -> UserError:
    """What an error means that came while Beam packed what workers are to be given.

    Beam makes a trace of it where a program failed that it ran, such as pip.
    """
    if told := full_disk_in(error):
        return told
    cause = error.__context__
    failed = isinstance(cause, subprocess.CalledProcessError)
    said = str(cause) if failed else first_line(error)
    return UserError(
        f"what workers are to be given cannot be packed: {said}; mend what "
        "--setup_file, --extra_package, --requirements_file or --sdk_location names"
    )


def _last(said: str) -> str:
    return f", its last line: {said}" if said else ""


def first_line(error: BaseException) -> str:
    """The first line of what an error says; of gRPC's with its code."""
    if isinstance(error, grpc.RpcError) and callable(getattr(error, "code", None)):
        details = str(error.details() or "").splitlines()
        return f"{error.code().name.lower()}: {details[0] if details else ''}"
    return (str(error).splitlines() or [type(error).__name__])[0]

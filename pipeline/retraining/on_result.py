"""Tells a command or a web address how a retraining ended."""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from schemas.user_error import UserError

_TIMEOUT_S = 60


def check_on_result(target: str) -> None:
    """UserError for a command that is none, or whose program is not on this machine."""
    if _is_url(target):
        return
    try:
        words = shlex.split(target)
    except ValueError as error:
        raise UserError(f"--on-result {target}: {error}") from error
    if not words:
        raise UserError("--on-result is empty; name a command or a URL")
    if not shutil.which(words[0]):
        raise UserError(
            f"--on-result {target}: there is no program {words[0]} that can be run "
            "here; name another, or an http:// or https:// address"
        )


def tell_result(target: str, result: Mapping[str, Any]) -> str:
    """Gives the result, as JSON, to a command's input, or posts it; "" or what failed.

    No shell sees the command: it is split into words, and what the result says is no
    word of it. Of what the command prints the last line is told, where it fails.
    """
    content = (json.dumps(result) + "\n").encode()
    return _post(target, content) if _is_url(target) else _call(target, content)


def _is_url(target: str) -> bool:
    return target.startswith(("http://", "https://"))


def _call(command: str, content: bytes) -> str:
    words = shlex.split(command)
    # Files: a pipe ends when all that the command has started have ended, too.
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as printed:
        given.write(content)
        given.seek(0)
        try:
            process = subprocess.Popen(
                words,
                stdin=given,
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return f"{words[0]} cannot be run: {error.strerror}"
        try:
            status = process.wait(_TIMEOUT_S)
        except BaseException as error:
            _kill(process)
            if isinstance(error, subprocess.TimeoutExpired):
                return f"{words[0]} took more than {_TIMEOUT_S} s and was stopped"
            raise
        printed.seek(0)
        lines = printed.read().decode("utf-8", "replace").split("\n")
    last = next((f": {line}" for line in reversed(lines) if line.strip()), "")
    return f"{words[0]} ended with {status}{last}" if status else ""


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Ends a command and what it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _post(url: str, content: bytes) -> str:
    # Of an address only the host is told: the rest of a webhook is a secret.
    host = urllib.parse.urlsplit(url).hostname
    try:
        request = urllib.request.Request(
            url, content, {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S):
            return ""
    except urllib.error.HTTPError as error:
        return f"{host} answered {error.code} {error.reason}"
    except (OSError, ValueError) as error:  # URLError and time-outs among them
        return f"{host} cannot be reached: {getattr(error, 'reason', error)}"

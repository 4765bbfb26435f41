"""A training of several processes: this one, in a child that JAX may end.

Where another process is lost, JAX ends its own with SIGABRT and a page of C++: what
waits for it says in one line what to do. A child whose parent dies ends, too.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path

from pipeline.cli.exit_status import ExitStatus
from pipeline.cli.interrupts import orderly_interrupts
from pipeline.run.console import quiet_console
from pipeline.training.task import CHECKPOINTS, Task, do
from schemas import own_process
from schemas.config_json import from_json, to_json
from schemas.user_error import RefusedError, UnavailableError, UserError
from trainer.training.meeting import Meeting, meeting_in

_KINDS = {kind.__name__: kind for kind in (UserError, RefusedError, UnavailableError)}
_PATIENCE_S = 10.0


def train_in_own_process(task: Task, meeting: Meeting | None) -> int:
    """Does it in a child and returns its exit status; UserError with what it said."""
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "error.json"
        command = [
            *own_process.command("pipeline.cli.train_process"),
            to_json(task),
            str(said),
        ]
        # The child reads its input to the end, which comes when this process ends.
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,  # gloo's greetings
            env=own_process.environment(),
        ) as child:
            try:
                status = child.wait()
            except KeyboardInterrupt:
                child.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(_PATIENCE_S)
                child.kill()
                raise
        if said.exists():
            kind, message = json.loads(said.read_text("utf-8"))
            raise _KINDS[kind](message)
    if status < 0:
        raise UnavailableError(_lost(_ended_by(-status), task, meeting))
    return status


def _ended_by(number: int) -> str:
    if number == signal.SIGABRT:
        return "JAX has lost the others"
    return f"its process was ended by {signal.Signals(number).name}"


def _lost(what: str, task: Task, meeting: Meeting | None) -> str:
    me, all_of_them, log = "this process", "all processes", task.log()
    if meeting is not None:
        host = meeting.host
        me, all_of_them = f"process {host.index} of {host.count}", f"all {host.count}"
        log = task.log(host.index)
    return (
        f"{me} cannot go on: {what} (see {log}). Start {all_of_them} again with the "
        "same command; the training goes on from the last checkpoint in "
        f"{task.output}/{CHECKPOINTS}"
    )


def _train(task: Task, meeting: Meeting | None) -> None:
    from trainer.config import TrainerConfig
    from trainer.training import hosts

    hosts.require_jax(from_json(TrainerConfig, task.config, "trainer").strategy)
    hosts.join(meeting)
    try:
        do(task)
    except Exception as error:
        if hosts.is_loss(error):
            first_line = str(error).splitlines()[0]
            what = f"another one is gone ({first_line})"
            raise UnavailableError(_lost(what, task, meeting)) from error
        raise


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(ExitStatus.UNAVAILABLE)


def _main(text: str, said: str) -> int:
    task = from_json(Task, text, "task")
    meeting = meeting_in(os.environ)
    log = task.log(meeting.host.index if meeting else 0)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        with orderly_interrupts(), quiet_console(log, quiet=task.quiet):
            _train(task, meeting)
    except UserError as error:
        kind = next(k for k in type(error).__mro__ if k.__name__ in _KINDS)
        message = json.dumps([kind.__name__, str(error)])
        Path(said).write_text(message, encoding="utf-8")
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    except Exception:
        traceback.print_exc()
        return ExitStatus.CRASHED
    return ExitStatus.DONE


if __name__ == "__main__":
    ended = _main(*sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Where one has failed, JAX would wait for the others here.
    os._exit(ended)

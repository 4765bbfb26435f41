"""A training of several processes: this one, in a child that JAX may end.

Where another process is lost, JAX ends its own with SIGABRT and a page of C++: what
waits for it says in one line what to do. A child whose parent dies ends, too.
"""

import contextlib
import json
import os
import re
import signal
import socket
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
# For what is begun to be put away; in an exchange with others a child hears of nothing,
# and a checkpoint that is half written is none.
_PATIENCE_S = 3.0
# The last words of JAX and of gloo where the loss of another process ends this one.
_LOST = re.compile(rb"another task died|connection (closed|reset) by peer", re.I)


def train_in_own_process(task: Task, meeting: Meeting | None) -> int:
    """Does it in a child and returns its exit status; UserError with what it said."""
    log = log_of(task, meeting)
    begin = os.path.getsize(log) if os.path.exists(log) else 0
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "error.json"
        module = own_process.command("pipeline.cli.train_process")
        command = [*module, to_json(task), str(said), log]
        # The child reads its input to the end, which comes when this process ends.
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,  # gloo's greetings
            env=own_process.environment(**settings_of_jax()),
        ) as child:
            try:
                status = child.wait()
            except KeyboardInterrupt:
                child.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(_PATIENCE_S)
                child.kill()
                child.wait()
                raise
        if said.exists():
            kind, message = json.loads(said.read_text("utf-8"))
            raise _KINDS[kind](message)
    if status < 0:
        words = Path(log).read_bytes()[begin:] if os.path.exists(log) else b""
        raise UnavailableError(_lost(ended_by(-status, words), task, meeting, log))
    return status


def settings_of_jax() -> dict[str, str]:
    """Variables that JAX reads in the child when it is loaded.

    It is not to take SIGTERM for itself and go on, nor, on GPUs, to share what it
    tries out while it compiles: the processes do not all compile the same. Who sets
    that flag comes last and wins.
    """
    flags = f"--xla_gpu_shard_autotuning=false {os.environ.get('XLA_FLAGS', '')}"
    return {"JAX_ENABLE_PREEMPTION_SERVICE": "false", "XLA_FLAGS": flags.strip()}


def ended_by(number: int, words: bytes) -> str:
    """What a signal says that ended the child, by the words that it left."""
    if number != signal.SIGABRT:
        return f"its process was ended by {signal.Signals(number).name}"
    return "JAX has lost the others" if _LOST.search(words) else "JAX ended it"


def log_of(task: Task, meeting: Meeting | None) -> str:
    """The file that this process alone writes to, in a folder that all may see."""
    if meeting is not None:
        return task.log(str(meeting.host.index))
    return task.log(f"{socket.gethostname()}-{os.getpid()}")


def _lost(what: str, task: Task, meeting: Meeting | None, log: str) -> str:
    me, all_of_them = "this process", "all processes"
    if meeting is not None:
        host = meeting.host
        me, all_of_them = f"process {host.index} of {host.count}", f"all {host.count}"
    return (
        f"{me} cannot go on: {what}; its log is {log}. Start {all_of_them} again with "
        "the same command; the training goes on from the last checkpoint in "
        f"{task.output}/{CHECKPOINTS}"
    )


def _train(task: Task, meeting: Meeting | None, log: str) -> None:
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
            raise UnavailableError(_lost(what, task, meeting, log)) from error
        raise


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(ExitStatus.UNAVAILABLE)


def _main(text: str, said: str, log: str) -> int:
    task = from_json(Task, text, "task")
    meeting = meeting_in(os.environ)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        with orderly_interrupts(), quiet_console(log, quiet=task.quiet):
            _train(task, meeting, log)
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

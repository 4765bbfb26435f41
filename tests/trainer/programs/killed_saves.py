"""Kills a process at every file operation of its saves; prints what was left as JSON.

argv: an empty folder. Each child process saves steps 5, 10 and 15 and a best at each;
it dies by SIGKILL at its n-th file operation, for every n.
"""

import json
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from trainer.training.checkpoint import CheckpointStore, Progress

ROOT = Path(sys.argv[1])


class Variable:
    """What a store needs to know of one."""

    def __init__(self, value):
        self.value, self.path, self.shape = np.full(1000, float(value)), "v", (1000,)

    def __array__(self, dtype=None, copy=None):
        return self.value

    def assign(self, value):
        self.value = value


def model_of(value):
    optimizer = SimpleNamespace(variables=[Variable(value)])
    return SimpleNamespace(variables=[Variable(value)], optimizer=optimizer)


def save_all(store):
    for step in (5, 10, 15):
        store.save_best(model_of(step), Progress(step=step))
        store.save(model_of(step), Progress(step=step))


def die_at(operation, folder):
    """SIGKILL at the n-th time that Python opens, makes, renames or removes."""
    left = operation

    def count(event, arguments):
        nonlocal left
        # rmtree names what it removes relative to an open folder
        ours = event in ("os.remove", "os.rmdir") or folder in str(arguments[:1])
        if event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir") and ours:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def restored(store):
    """Step and values of the newest checkpoint and the best, as they are read."""
    found = []
    for restore in (store.restore_latest, store.restore_best):
        model = model_of(0)
        progress = restore(model)
        values = np.unique(model.variables[0].value).tolist()
        found.append([progress.step if progress else 0, values])
    return found


left_behind, operation, died = [], 0, True
while died:
    operation += 1
    folder = str(ROOT / f"{operation}")
    store = CheckpointStore(folder, "a")
    child = os.fork()
    if child == 0:
        die_at(operation, folder)
        save_all(store)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    died = os.WIFSIGNALED(status)
    assert died or status == 0, status
    left = restored(store)
    save_all(store)  # and what was left is in nobody's way
    names = sorted(path.name for path in Path(folder).iterdir())
    left_behind.append({"left": left, "then": restored(store), "names": names})
sys.stdout.write(json.dumps(left_behind) + "\n")

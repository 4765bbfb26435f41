"""All that a training needs to go on after kill -9: written whole, or not at all."""

import dataclasses
import json
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from schemas.user_error import UserError

_LOG = logging.getLogger(__name__)
PREFIX = "step-"
BEST = "best"
KEPT = 2  # the one before the last survives a damaged disk page


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a training stands, beside the values of its variables."""

    step: int = 0
    best_map: float = -1.0
    evaluations_since_best: int = 0
    fingerprint: str = ""


class CheckpointStore:
    """Checkpoints of one training in a local directory, the newest few kept.

    A fingerprint names data, code and config; checkpoints of another one are
    left aside. Every array is written to a temporary folder that is then renamed,
    so that a folder of the right name is always complete.
    """

    def __init__(self, directory: str | Path, fingerprint: str) -> None:
        self.directory = Path(directory)
        self.fingerprint = fingerprint

    def save(self, model: Any, progress: Progress) -> None:
        """Write the variables of model and optimiser, and forget the oldest."""
        progress = dataclasses.replace(progress, fingerprint=self.fingerprint)
        arrays = _arrays([*model.variables, *model.optimizer.variables])
        self._write(f"{PREFIX}{progress.step:08d}", arrays, progress)
        for old in self._steps()[:-KEPT]:
            shutil.rmtree(old)

    def save_best(self, model: Any, progress: Progress) -> None:
        """Write the model's variables, as they are now, as the best so far."""
        progress = dataclasses.replace(progress, fingerprint=self.fingerprint)
        self._write(BEST, _arrays(model.variables), progress)

    def restore_latest(self, model: Any) -> Progress | None:
        """Set model and optimiser to the newest checkpoint of this training."""
        for folder in reversed(self._steps()):
            progress = _read_progress(folder)
            if progress.fingerprint != self.fingerprint:
                _LOG.info("%s is of another config, data or code: not used", folder)
                continue
            variables = [*model.variables, *model.optimizer.variables]
            _assign(variables, folder)
            return progress
        return None

    def restore_best(self, model: Any) -> Progress | None:
        """Set the model's variables to the best saved; None if there is none."""
        folder = self.directory / BEST
        if not folder.is_dir():
            return None
        progress = _read_progress(folder)
        if progress.fingerprint != self.fingerprint:
            return None
        _assign(model.variables, folder)
        return progress

    def _steps(self) -> list[Path]:
        return sorted(self.directory.glob(f"{PREFIX}????????"))

    def _write(
        self, name: str, arrays: dict[str, NDArray[Any]], progress: Progress
    ) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        temporary = self.directory / f".{name}.{os.getpid()}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        with (temporary / "variables.npz").open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        text = json.dumps(dataclasses.asdict(progress), indent=1)
        (temporary / "progress.json").write_text(text)
        final = self.directory / name
        if final.exists():
            # a rename cannot replace a full folder; until the next line is done
            # the older checkpoint is the one that counts
            shutil.rmtree(final)
        temporary.rename(final)


def _read_progress(folder: Path) -> Progress:
    return Progress(**json.loads((folder / "progress.json").read_text()))


def _arrays(variables: list[Any]) -> dict[str, NDArray[Any]]:
    return {
        f"{index:05d}|{variable.path}": ops.convert_to_numpy(variable)
        for index, variable in enumerate(variables)
    }


def _assign(variables: list[Any], folder: Path) -> None:
    with np.load(folder / "variables.npz") as arrays:
        names = list(arrays)
        wanted = list(_names_shapes(variables))
        stored = [(name, arrays[name].shape) for name in names]
        if wanted != stored:
            different = next(
                (
                    pair
                    for pair in zip(wanted, stored, strict=False)
                    if len(set(pair)) > 1
                ),
                (f"{len(wanted)} variables", f"{len(stored)} variables"),
            )
            raise UserError(
                f"{folder} does not fit the model: {different[0]} here, "
                f"{different[1]} there; remove the folder to train from the start"
            )
        for variable, name in zip(variables, names, strict=True):
            variable.assign(arrays[name])


def _names_shapes(variables: list[Any]) -> list[tuple[str, tuple[int, ...]]]:
    return [
        (f"{index:05d}|{variable.path}", tuple(variable.shape))
        for index, variable in enumerate(variables)
    ]

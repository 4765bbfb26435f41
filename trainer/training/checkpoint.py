"""All that a training needs to go on after kill -9: written whole, or not at all."""

import dataclasses
import json
import logging
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from schemas.user_error import UserError
from trainer.input.host import ONE_HOST, Host
from trainer.training.averaging import WeightAverage
from trainer.training.checkpoint_copy import CheckpointCopy
from trainer.training.hosts import from_first
from trainer.training.jax_state import bring_variables_up_to_date

_LOG = logging.getLogger(__name__)
LAST, BEST = "step-", "best-"  # followed by the step, eight digits
KEPT = {LAST: 2, BEST: 1}  # the last but one survives a damaged disk page
FORMAT = 2  # of the files; 1 kept no average of batch-norm statistics
UNREADABLE = (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a training stands, beside the values of its variables."""

    step: int = 0
    best_map: float = -1.0
    best_step: int = 0
    epochs_since_best: float = 0.0
    history: tuple[dict[str, float], ...] = ()
    fingerprint: str = ""


class CheckpointStore:
    """Checkpoints of one training in a local directory, the newest few kept.

    A fingerprint names data, code and config; checkpoints of another one are
    left aside. A folder gets its name when all of it is on the disk and loses it
    before any of it goes, so that a folder of the right name is always complete.
    `copy`, where given, follows each of them, and was fetched before. Of several
    processes the first alone writes and reads, and hands the others what it read.
    """

    def __init__(
        self,
        directory: str | Path,
        fingerprint: str,
        copy: CheckpointCopy | None = None,
        host: Host = ONE_HOST,
    ) -> None:
        self.directory = Path(directory)
        self.fingerprint = fingerprint
        self.copy = copy
        self.host = host

    def save(
        self, model: Any, progress: Progress, average: WeightAverage | None = None
    ) -> None:
        """Write model, optimiser and average, and forget the oldest."""
        bring_variables_up_to_date(model)
        variables = [*model.variables, *model.optimizer.variables]
        self._write(LAST, variables, progress, average)

    def save_best(self, model: Any, progress: Progress) -> None:
        """Write the model's variables, as they are now, as the best so far."""
        self._write(BEST, model.variables, progress)

    def restore_latest(
        self, model: Any, average: WeightAverage | None = None
    ) -> Progress | None:
        """Set all of them to the newest checkpoint of this training."""
        variables = [*model.variables, *model.optimizer.variables]
        return self._restore(LAST, variables, average)

    def is_begun(self) -> bool:
        """Whether there is a checkpoint of this training to go on from."""
        return any(True for _ in self._own(LAST))

    def restore_best(self, model: Any) -> Progress | None:
        """Set the model's variables to the best saved; None if there is none."""
        return self._restore(BEST, model.variables)

    def _restore(
        self,
        prefix: str,
        variables: list[Any],
        average: WeightAverage | None = None,
    ) -> Progress | None:
        names = _names(variables, average)
        read = self._read(prefix, names) if self.host.is_first else None
        arrays = from_first(read, self.host)
        if arrays is None:
            return None
        *values, progress = arrays.values()
        for variable, value in zip(variables, values, strict=False):
            variable.assign(value)
        if average is not None:
            average.set(values[len(variables) :])
        return _progress(json.loads(str(progress)))

    def _read(
        self, prefix: str, names: dict[str, tuple[int, ...]]
    ) -> dict[str, NDArray[Any]] | None:
        """The values of the newest readable one, and behind them its progress."""
        for folder, progress in self._own(prefix):
            try:
                path = folder / "variables.npz"
                with path.open("rb") as file, np.load(file) as stored:
                    arrays = dict(stored)
            except UNREADABLE as error:
                _LOG.warning("%s is damaged (%s): not used", folder, error)
                continue
            _refuse_unless_fitting(arrays, names, folder)
            text = json.dumps(dataclasses.asdict(progress))
            return {**arrays, "progress": np.array(text)}
        return None

    def _own(self, prefix: str) -> Iterator[tuple[Path, Progress]]:
        """The readable checkpoints of this training, newest first."""
        for folder in sorted(self.directory.glob(f"{prefix}????????"), reverse=True):
            try:
                values = json.loads((folder / "progress.json").read_text())
                version = values.pop("format", 1)
                progress = _progress(values)
            except UNREADABLE as error:
                _LOG.warning("%s is damaged (%s): not used", folder, error)
                continue
            if (version, progress.fingerprint) == (FORMAT, self.fingerprint):
                yield folder, progress

    def _write(
        self,
        prefix: str,
        variables: list[Any],
        progress: Progress,
        average: WeightAverage | None = None,
    ) -> None:
        if not self.host.is_first:
            return
        progress = dataclasses.replace(progress, fingerprint=self.fingerprint)
        final = self.directory / f"{prefix}{progress.step:08d}"
        self._remove_unfinished_saves()
        temporary = self.directory / f".new-{final.name}"
        temporary.mkdir(parents=True)
        with (temporary / "variables.npz").open("wb") as file:
            np.savez(file, **_arrays(variables, average))  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        with (temporary / "progress.json").open("w") as text:
            said = {"format": FORMAT, **dataclasses.asdict(progress)}
            json.dump(said, text, indent=1)
            text.flush()
            os.fsync(text.fileno())
        if final.exists():
            self._remove(final)
        temporary.rename(final)
        if self.copy is not None:
            self.copy.put(final)
        for old, _ in list(self._own(prefix))[KEPT[prefix] :]:
            self._remove(old)

    def _remove(self, folder: Path) -> None:
        if self.copy is not None:
            self.copy.forget(folder.name)
        nameless = self.directory / f".old-{folder.name}"
        folder.rename(nameless)
        shutil.rmtree(nameless)

    def _remove_unfinished_saves(self) -> None:
        for pattern in (".new-*", ".old-*"):
            for folder in self.directory.glob(pattern):
                shutil.rmtree(folder)


def _names(
    variables: list[Any], average: WeightAverage | None
) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all that a checkpoint holds, in order."""
    named = [(variable.path, variable.shape) for variable in variables]
    if average is not None:
        named += [(f"average/{each.path}", each.shape) for each in average.variables]
    return {f"{n:05d}|{path}": tuple(shape) for n, (path, shape) in enumerate(named)}


def _arrays(
    variables: list[Any], average: WeightAverage | None
) -> dict[str, NDArray[Any]]:
    values = [ops.convert_to_numpy(variable) for variable in variables]
    if average is not None:
        values += average.arrays()
    return dict(zip(_names(variables, average), values, strict=True))


def _progress(values: dict[str, Any]) -> Progress:
    return Progress(**{**values, "history": tuple(values["history"])})


def _refuse_unless_fitting(
    arrays: dict[str, NDArray[Any]], names: dict[str, tuple[int, ...]], folder: Path
) -> None:
    wanted = list(names.items())
    stored = [(name, array.shape) for name, array in arrays.items()]
    if wanted != stored:
        different = next(
            (pair for pair in zip(wanted, stored, strict=False) if len(set(pair)) > 1),
            (f"{len(wanted)} variables", f"{len(stored)} variables"),
        )
        raise UserError(
            f"{folder} does not fit the model: {different[0]} here, "
            f"{different[1]} there; remove the folder to train from the start"
        )

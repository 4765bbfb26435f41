"""A format made, asked and judged against the served model, on one set of pictures."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.export.bounds import Bounds
from pipeline.export.judgement import Judgement, judge, losses_over
from pipeline.export.measure import Measured, measure
from pipeline.export.pictures import Pictures, read_split, spread
from schemas.counted import listed
from schemas.label_map import LABEL_MAP_FILENAME, LabelMap
from schemas.user_error import UserError

SERVED = "served"
_CALIBRATED_WITH = 200  # training pictures


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table: what was measured of a format, and its judgement.

    `refused` says why, where it loses more than it may.
    """

    name: str
    measured: Measured
    judgement: Judgement
    refused: list[str]

    def to_mapping(self) -> dict[str, Any]:
        """As `--json` and `judged.json` have it."""
        costs = self.measured.costs
        return {
            "format": self.name,
            **dataclasses.asdict(self.judgement),
            "bytes": self.measured.size_bytes,
            "by_threads": {n: dataclasses.asdict(cost) for n, cost in costs.items()},
            "refused": self.refused,
        }


class Trial:
    """The served model's own answers, and formats held against them.

    `pictures` are what is judged on. Raises UserError where none of their objects is of
    a class that the model knows.
    """

    def __init__(
        self,
        model: str,
        pictures: Pictures,
        threads: Sequence[int],
        bounds: Bounds,
    ) -> None:
        self.pictures = pictures
        self._threads, self._bounds = threads, bounds
        path = Path(model, "assets.extra", LABEL_MAP_FILENAME)
        self._label_map = _with_those_of(pictures, LabelMap.from_file(path))
        self._model = Path(model)

    @functools.cached_property
    def served(self) -> Row:
        """The served model's own row; it is asked at the first use."""
        measured = self._measured(self._model)
        return self._row(SERVED, measured, measured)

    def row(self, name: str, folder: Path) -> Row:
        """An export in `folder`, judged."""
        return self._row(name, self._measured(folder), self.served.measured)

    def _measured(self, folder: Path) -> Measured:
        examples = self.pictures.examples
        return measure(folder, examples, self._label_map, self._threads)

    def _row(self, name: str, measured: Measured, served: Measured) -> Row:
        names = self._label_map.names
        judgement = judge(
            measured.columns, served.columns, names, self.pictures.difficult
        )
        own = judgement if name == SERVED else self.served.judgement
        return Row(name, measured, judgement, losses_over(judgement, own, self._bounds))


def _with_those_of(pictures: Pictures, known: LabelMap) -> LabelMap:
    """The model's classes, then those that only the pictures have: none finds them."""
    there = {name for example in pictures.examples for name in example.class_names}
    if not there & set(known.names):
        raise UserError(
            f"the model and the objects of {pictures.folder}, split "
            f"{pictures.split!r}, share no class: it knows {listed(known.names)}; "
            f"they are {listed(sorted(there))}"
        )
    return LabelMap((*known.names, *sorted(there - set(known.names))))


def make(
    name: str, model: str, folder: Path, calibration: Callable[[], list[bytes]]
) -> None:
    """Writes a format of the SavedModel `model`; `calibration` gives training files."""
    from trainer.serving.export_folder import write_export

    class Frames:
        """Read when it is asked for, and again each time."""

        def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
            return _frames(model, calibration())

    write_export(name, model, folder, Frames())


def training_files(pictures: Pictures) -> list[bytes]:
    """What int8 is calibrated with: pictures from all over the train split beside."""
    try:
        found = read_split(pictures.folder, "train")
    except UserError as error:
        raise UserError(
            f"litert_int8 is calibrated with training pictures: {error}"
        ) from error
    return spread(found, _CALIBRATED_WITH)


def _frames(model: str, files: list[bytes]) -> Iterator[npt.NDArray[np.uint8]]:
    from trainer.serving.detect import letterbox, read_image
    from trainer.serving.read_back import detector_config

    size = detector_config(model).image_size
    for encoded in files:
        yield letterbox(read_image(encoded), size)[0]

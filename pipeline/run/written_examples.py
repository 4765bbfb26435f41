"""Where the stages of a root wrote examples with images, split by split."""

import os
from collections.abc import Sequence
from pathlib import Path

from pipeline.run.record import latest_run, metadata_path, newest_ingest
from schemas.did_you_mean import did_you_mean
from schemas.label_map import LABEL_MAP_FILENAME
from schemas.user_error import UserError

_WINDOW = "SpanWindow"
# Of a run; of a span of a retraining; of a window of spans.
_STAGES = ("VocExampleGen", "VocExampleGen-*", _WINDOW)


def splits_in(folder: Path) -> list[str]:
    """Names of the splits that lie in a folder; none where it is no such folder."""
    return sorted(path.name.removeprefix("Split-") for path in folder.glob("Split-*"))


def folder_with_splits(place: Path) -> str:
    """Where label map and splits lie, of an ingest's output or a root; else ""."""
    for folder in (place, place / "examples", *example_folders(place)):
        # A drawn sample has a label map, too, but no shards.
        if (folder / LABEL_MAP_FILENAME).is_file() and splits_in(folder):
            return str(folder)
    return ""


def require_split(place: str, split: str, there: Sequence[str]) -> None:
    """UserError, with those that are there, where a place lacks a split."""
    if split not in there:
        known = ", ".join(there) or "none"
        meant = did_you_mean(split, there)
        raise UserError(f"{place} has no split {split!r}{meant}; there are: {known}")


def example_folders(root: Path) -> list[Path]:
    """Those of a root: that of the newest run first, then what was written last."""
    found = [
        folder
        for stage in _STAGES
        for folder in root.glob(f"{stage}/examples/*")
        if folder.name.isdigit() and splits_in(folder)
    ]
    newest = _of_newest_run(root)
    return sorted(
        found,
        key=lambda folder: (
            (folder.parts[-3], folder.name) == newest,
            int(folder.name),
        ),
        reverse=True,
    )


def _of_newest_run(root: Path) -> tuple[str, str]:
    """Stage and number of the examples that the newest run learned from, or reused."""
    stages = latest_run(metadata_path(str(root)))
    stage = _WINDOW if _WINDOW in stages else newest_ingest(stages)
    outputs = stages[stage].outputs if stage else {}
    number = os.path.basename(outputs["examples"].uri) if "examples" in outputs else ""
    return stage, number

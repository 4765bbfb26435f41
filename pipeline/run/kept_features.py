"""Features that trainings under a root have kept: those of one training, no more."""

import shutil
from pathlib import Path

from pipeline.config import is_digest


def forget_others(root: str, name: str) -> None:
    """Remove what broken-off trainings with checkpoints of any other name have left.

    They could only be used again by a run of the same data, code and config, and take
    `trainer.kept_bytes` each. Their checkpoints stay, and so does what another
    program has there: the root may have been a folder before.
    """
    for folder in Path(root, "checkpoints").glob("*/**/features"):
        checkpoints = folder.relative_to(Path(root, "checkpoints")).parts[0]
        if checkpoints != name and is_digest(checkpoints):
            shutil.rmtree(folder, ignore_errors=True)

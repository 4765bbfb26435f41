"""Features that trainings under a root have kept: those of one training, no more."""

import shutil
from pathlib import Path


def forget_others(root: str, fingerprint: str) -> None:
    """Remove what broken-off trainings of any other fingerprint have left.

    They could only be used again by a run of the same data, code and config, and take
    `trainer.kept_bytes` each. Their checkpoints stay.
    """
    for folder in Path(root, "checkpoints").glob("*/**/features"):
        checkpoints = folder.relative_to(Path(root, "checkpoints")).parts[0]
        if checkpoints != fingerprint:
            shutil.rmtree(folder, ignore_errors=True)

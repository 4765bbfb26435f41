"""Whether what serves was pushed by a run that was killed before it wrote that down."""

import glob
import os

from components.baseline.served_models import GRAPH_FILE, baseline, model_digest


def unrecorded_push(root: str, destination: str, fingerprint: str) -> str:
    """Digest of the served model, where this root made it of this fingerprint; or "".

    The model that this root trained must be that one to the last byte: a model that
    another root made of the same is another model.
    """
    served = baseline(destination)
    if not (served and served.record and served.record.fingerprint == fingerprint):
        return ""
    digest = served.record.model_digest
    exports = os.path.join(glob.escape(root), "Trainer/model/*/Format-Serving")
    for export in glob.glob(exports):
        whole = os.path.exists(os.path.join(export, GRAPH_FILE))
        if whole and model_digest(export) == digest == model_digest(served.path):
            return digest
    return ""

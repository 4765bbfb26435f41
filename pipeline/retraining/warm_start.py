"""The served weights that a retraining starts from."""

from components.baseline.history import withdrawn
from components.baseline.served_models import baseline, model_digest, served_models


def served_weights(destination: str, began_with: str | None) -> str:
    """Path of the version to start from; "" where none serves.

    `began_with` is the version that an attempt began with which now goes on, "" where
    none served then, None where nothing goes on. It stays the one, unless it was
    withdrawn or deleted since: else an attempt that was killed after its push would
    start once more, from its own product.
    """
    if began_with == "":
        return ""
    refused = withdrawn(destination)
    for model in served_models(destination):
        same = model.path == began_with
        if same and not (refused and model_digest(model.path) in refused):
            return model.path
    newest = baseline(destination)
    return newest.path if newest else ""

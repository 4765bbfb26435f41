"""Weights of an earlier exported model of ours, for all layers that fit."""

import json
import logging
from pathlib import Path
from typing import Any

import tensorflow as tf

from schemas.user_error import UserError
from trainer.export import EXTRA, VARIABLES_FILENAME

_LOG = logging.getLogger(__name__)


def warm_start(model: Any, directory: str) -> list[str]:
    """Set every variable of `model` that the exported model has in the same shape.

    Returns the paths of those that keep their initial values, such as the class
    predictions where the classes differ. Raises UserError if `directory` is no model
    of ours, or if nothing fits.
    """
    earlier = _read_variables(directory)
    left = []
    for variable in model.variables:
        value = earlier.get(variable.path)
        if value is None or tuple(value.shape) != tuple(variable.shape):
            left.append(variable.path)
        else:
            variable.assign(value)
    if len(left) == len(model.variables):
        raise UserError(
            f"model.initial_model: no layer of {directory} fits this model, e.g. "
            f"{left[0]}; take the model config that it was trained with"
        )
    _LOG.info(
        "warm start from %s: %d of %d variables; new: %s",
        directory,
        len(model.variables) - len(left),
        len(model.variables),
        ", ".join(left) or "none",
    )
    return left


def _read_variables(directory: str) -> dict[str, Any]:
    names_path = Path(directory) / EXTRA / VARIABLES_FILENAME
    try:
        names = json.loads(names_path.read_text(encoding="utf-8"))
        reader = tf.train.load_checkpoint(f"{directory}/variables/variables")
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise UserError(
            f"model.initial_model: {directory} is no model exported by this program "
            f"({error}); give the folder that holds saved_model.pb"
        ) from error
    return {
        name: reader.get_tensor(f"model_variables/{index}/.ATTRIBUTES/VARIABLE_VALUE")
        for index, name in enumerate(names)
    }

"""Weights of an earlier exported model of ours, for all layers that fit."""

import glob
import json
import logging
import os
from typing import Any

import tensorflow as tf

from schemas.plain_path import plain_path
from schemas.user_error import UserError
from trainer.serving.saved_model import EXTRA, VARIABLES_FILENAME

_KEY = "model_variables/{}/.ATTRIBUTES/VARIABLE_VALUE"
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


def require_model(directory: str) -> list[str]:
    """The names of the variables that an exported model in `directory` holds.

    Raises UserError if it is no model of ours.
    """
    try:
        tf.io.gfile.listdir(f"{directory}/variables")
        with tf.io.gfile.GFile(f"{directory}/{EXTRA}/{VARIABLES_FILENAME}") as file:
            return list(json.loads(file.read()))
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise UserError(_not_ours(directory)) from error


def _read_variables(directory: str) -> dict[str, Any]:
    names = require_model(directory)
    with plain_path(directory) as path:
        try:
            reader = tf.train.load_checkpoint(f"{path}/variables/variables")
        except (ValueError, tf.errors.OpError) as error:
            raise UserError(_not_ours(directory)) from error
        return {
            name: reader.get_tensor(_KEY.format(index))
            for index, name in enumerate(names)
        }


def _not_ours(directory: str) -> str:
    versions = tf.io.gfile.glob(f"{glob.escape(directory)}/*/saved_model.pb")
    newest = f", such as {os.path.dirname(max(versions))}" if versions else ""
    return (
        f"model.initial_model: {directory} is no model exported by this program; give "
        f"the folder that holds saved_model.pb and assets.extra{newest}"
    )

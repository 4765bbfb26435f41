"""Weights of an earlier exported model of ours, for all layers that fit."""

import glob
import logging
import os
from collections.abc import Sequence
from typing import Any

import keras
import msgspec
import tensorflow as tf

from schemas.label_map import LABEL_MAP_FILENAME, LabelMap
from schemas.stored_weights import Values, read_weights
from schemas.user_error import UnavailableError, UserError
from trainer.serving.saved_model import EXTRA, VARIABLES_FILENAME

_CLASS_PREDICTIONS = "/class_head/prediction/"
GRAPH = "saved_model.pb"
_SHOWN = 6
_LOG = logging.getLogger(__name__)


def warm_start(model: Any, directory: str, class_names: Sequence[str]) -> list[str]:
    """Set every variable of `model` that the exported model has in the same shape.

    Its class predictions go by the names of the classes (`class_names` are those of
    `model`): a class that both know is carried over wherever it stands in either list,
    one that is new keeps its initial values.

    Returns the paths of the variables that keep initial values, in whole or for a new
    class. Raises UserError if `directory` is no model of ours, or if nothing fits.
    """
    earlier = _read_variables(directory)
    path = f"{directory}/{EXTRA}/{LABEL_MAP_FILENAME}"
    earlier_names = LabelMap.from_file(path).names
    new_classes = [name for name in class_names if name not in earlier_names]
    left = []
    for variable in model.variables:
        value = earlier.get(variable.path)
        if value is not None and _CLASS_PREDICTIONS in variable.path:
            value = _by_class(variable, value, earlier_names, class_names)
            left += [variable.path] if value is not None and new_classes else []
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
        _listed(left) or "none",
    )
    if new_classes:
        _LOG.info("warm start: classes that are new: %s", _listed(new_classes))
    return left


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _by_class(
    variable: Any, value: Values, earlier_names: Sequence[str], names: Sequence[str]
) -> Values | None:
    """Earlier class predictions in the order of `names`; None if the anchors differ.

    The last axis holds K classes of one anchor of a cell, then those of the next.
    """
    initial = keras.ops.convert_to_numpy(variable)
    anchors = initial.shape[-1] // len(names)
    if value.shape != (*initial.shape[:-1], anchors * len(earlier_names)):
        return None
    rows = initial.reshape(*initial.shape[:-1], anchors, len(names)).copy()
    before = value.reshape(*initial.shape[:-1], anchors, len(earlier_names))
    for index, name in enumerate(names):
        if name in earlier_names:
            rows[..., index] = before[..., earlier_names.index(name)]
    return rows.reshape(initial.shape)


def require_model(directory: str) -> list[str]:
    """The names of the variables that an exported model in `directory` holds.

    Raises UserError if it is no model of ours, or lies where TensorFlow does not read,
    UnavailableError if its store does not answer.
    """
    try:
        tf.io.gfile.stat(f"{directory}/{GRAPH}")  # listdir hides a store's own error
        tf.io.gfile.listdir(f"{directory}/variables")
        tf.io.gfile.stat(f"{directory}/{EXTRA}/{LABEL_MAP_FILENAME}")
        with tf.io.gfile.GFile(f"{directory}/{EXTRA}/{VARIABLES_FILENAME}") as file:
            return msgspec.json.decode(file.read(), type=list[str])
    except (OSError, ValueError, tf.errors.OpError) as error:
        in_store = "://" in directory and isinstance(error, tf.errors.OpError)
        if in_store and not isinstance(error, tf.errors.NotFoundError):
            raise _unread(directory, error) from error
        raise UserError(_not_ours(directory)) from error


def _unread(directory: str, error: tf.errors.OpError) -> UserError:
    why = str(error.message).splitlines()[0]
    told = f"model.initial_model: {directory} cannot be read: {why}"
    if isinstance(error, tf.errors.UnimplementedError | tf.errors.InvalidArgumentError):
        return UserError(told)  # of no store that TensorFlow knows, or that can be
    return UnavailableError(told)


def _read_variables(directory: str) -> dict[str, Values]:
    names = require_model(directory)
    try:
        weights = read_weights(directory, len(names))
    except ValueError as error:
        raise UserError(_not_ours(directory)) from error
    return dict(zip(names, weights, strict=True))


def _not_ours(directory: str) -> str:
    within = (f"{glob.escape(directory)}/{place}" for place in ("*", "served/*"))
    files = [file for each in within for file in tf.io.gfile.glob(f"{each}/{GRAPH}")]
    versions = [os.path.dirname(file) for file in files]
    newest = f", such as {max(versions, key=_number)}" if versions else ""
    return (
        f"model.initial_model: {directory} is no model exported by this program; give "
        f"the folder that holds {GRAPH} and assets.extra{newest}"
    )


def _number(version: str) -> tuple[int, str]:
    name = os.path.basename(version)
    return (int(name) if name.isdecimal() else -1, name)

"""What a served version must be, so that a candidate can be compared with it."""

import json
from typing import Any

import numpy as np
import tensorflow as tf

from components.baseline.folders import inside
from components.baseline.served_models import ServedModel
from schemas.label_map import LABEL_MAP_FILENAME, LabelMap
from schemas.plain_path import plain_path
from schemas.stored_weights import named_values, weight_number
from schemas.user_error import UserError

SIGNATURES = {
    "serving_default": ("image_bytes", tf.string),
    "serving_tf_example": ("examples", tf.string),
    "serving_images": ("images", tf.uint8),
}
OUTPUTS = {
    "boxes": tf.float32,
    "scores": tf.float32,
    "classes": tf.int32,
    "class_names": tf.string,
    "num_detections": tf.int32,
}
JUDGED_BY = "serving_tf_example"
LABEL_MAP = f"assets.extra/{LABEL_MAP_FILENAME}"
_VARIABLES = "assets.extra/variables.json"  # trainer.serving.saved_model writes it


def signature_problems(signatures: Any, name: str) -> list[str]:
    """What is missing or of another type in one signature of a detector."""
    argument, dtype = SIGNATURES[name]
    if name not in signatures:
        return [f"no signature {name}; there are {sorted(signatures)}"]
    problems = []
    inputs = signatures[name].structured_input_signature[1]
    if argument not in inputs or inputs[argument].dtype != dtype:
        problems.append(f"{name} does not take {argument}: {dtype.name}")
    outputs = signatures[name].structured_outputs
    return problems + [
        f"{name} does not give {key}: {expected.name}"
        for key, expected in OUTPUTS.items()
        if key not in outputs or outputs[key].dtype != expected
    ]


def class_names(model_path: str) -> tuple[str, ...]:
    """The classes that an exported detector knows.

    Raises UserError where its label map is missing or damaged.
    """
    return LabelMap.from_file(inside(model_path, LABEL_MAP)).names


def variables_that_are_no_numbers(model_path: str) -> list[str]:
    """Names of the weights and variables of a SavedModel that hold NaN or infinity.

    A weight is called as its layer is, if the export tells; the first come first.
    """
    values = named_values(model_path)
    broken = [name for name in sorted(values) if not _is_finite(values[name])]
    if not broken:
        return []
    called = _weights_names(model_path)
    numbers = {name: weight_number(name) for name in broken}
    in_order = sorted(broken, key=lambda name: numbers[name] or 0)
    return [called.get(numbers[name], name) for name in in_order]


def _weights_names(model_path: str) -> dict[int | None, str]:
    """Place -> path of each weight of the model; empty where no list is there."""
    try:
        with tf.io.gfile.GFile(inside(model_path, _VARIABLES)) as file:
            return dict(enumerate(map(str, json.load(file))))
    except (tf.errors.OpError, ValueError, TypeError):
        return {}


def require_comparable(served: ServedModel) -> None:
    """Refuses, in a line, a served version that no candidate can be compared with."""
    try:
        with plain_path(served.path) as path:
            signatures = tf.saved_model.load(path).signatures
        problems = signature_problems(signatures, JUDGED_BY)
    except Exception as error:  # whatever a broken file makes TensorFlow raise
        problems = [f"it does not load: {str(error).splitlines()[0]}"]
    if not problems:
        try:
            class_names(served.path)
        except UserError as error:
            problems = [str(error)]
    if problems:
        raise UserError(
            f"{served.path}, the version that serves, is no detector of this program "
            f"({problems[0]}); move it away, or name another --push-destination"
        )


def _is_finite(value: Any) -> bool:
    is_float = np.issubdtype(np.asarray(value).dtype, np.floating)
    return not is_float or bool(np.isfinite(value).all())

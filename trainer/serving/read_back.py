"""An exported model of ours as the Keras model it was."""

from typing import Any

import tensorflow as tf

from schemas.config_json import from_json
from schemas.label_map import LABEL_MAP_FILENAME, LabelMap
from schemas.user_error import UserError
from trainer.model.build import build_without_weights
from trainer.model.config import DetectorConfig
from trainer.serving.saved_model import DETECTOR_FILENAME, EXTRA
from trainer.serving.warm_start import warm_start


def read_back(directory: str) -> tuple[Any, DetectorConfig, LabelMap]:
    """The model that `export_model` wrote to `directory`, its config, its classes.

    Raises UserError if `directory` holds no model of ours, or one of other code.
    """
    detector = detector_config(directory)
    label_map = LabelMap.from_file(f"{directory}/{EXTRA}/{LABEL_MAP_FILENAME}")
    model = build_without_weights(detector.model, len(label_map))
    missing = warm_start(model, directory, label_map.names)
    if missing:
        raise UserError(
            f"{directory}: exported by another version of this program, whose model "
            f"has no {missing[0]} of this shape; use that version"
        )
    return model, detector, label_map


def detector_config(directory: str) -> DetectorConfig:
    """What `export_model` wrote of the detector; UserError as in `read_back`."""
    path = f"{directory}/{EXTRA}/{DETECTOR_FILENAME}"
    try:
        with tf.io.gfile.GFile(path) as file:
            return from_json(DetectorConfig, file.read(), "detector")
    except tf.errors.OpError as error:
        raise UserError(
            f"{directory} is no model exported by this program, or by an earlier "
            f"version of it ({error.message}); "
            "give the folder that holds saved_model.pb"
        ) from error
    except (UserError, ValueError) as error:
        raise UserError(f"{path}: {error}") from error

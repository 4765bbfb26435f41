"""What the training could only fail on, refused before any data is read."""

import hashlib

import keras
import tensorflow as tf

from schemas.label_map import LABEL_MAP_FILENAME
from schemas.user_error import UserError
from trainer.config import TrainerConfig
from trainer.model.backbones.builders import require_backbone, weights_path
from trainer.model.config import ModelConfig
from trainer.serving.saved_model import EXTRA
from trainer.serving.warm_start import require_model
from trainer.training.strategy import distribution_scope, require_equal_shares


def refuse_impossible(config: TrainerConfig) -> None:
    """UserError if devices or weights that `config` asks for are not here.

    Neither is a Keras that is set up for something else (~/.keras/keras.json).
    """
    _require_keras_defaults()
    distribution_scope(config.strategy)
    require_equal_shares(config.strategy, config.input.global_batch_size)
    require_backbone(config.model)
    if config.model.initial_model:
        require_model(config.model.initial_model)


def _require_keras_defaults() -> None:
    for field, value, needed in (
        ("image_data_format", keras.config.image_data_format(), "channels_last"),
        ("floatx", keras.config.floatx(), "float32"),
    ):
        if value != needed:
            raise UserError(
                f"Keras is set up with {field} {value!r}, and the detector is written "
                f"for {needed!r}: change it in ~/.keras/keras.json"
            )


def starting_weights_digest(config: ModelConfig) -> str:
    """Digest of the files that the weights start from; "" where they start from none.

    A config only names them, and the same name may hold other weights next week.
    """
    path = weights_path(config)
    files = [path] if path else []
    if config.initial_model:
        folder = f"{config.initial_model}/variables"
        files += [f"{folder}/{name}" for name in sorted(tf.io.gfile.listdir(folder))]
        files.append(f"{config.initial_model}/saved_model.pb")
        # the weights of a class are carried over by its name
        files.append(f"{config.initial_model}/{EXTRA}/{LABEL_MAP_FILENAME}")
    digest = hashlib.sha256()
    for path in files:
        with tf.io.gfile.GFile(path, "rb") as file:
            digest.update(hashlib.sha256(file.read()).digest())
    return digest.hexdigest()[:32] if files else ""

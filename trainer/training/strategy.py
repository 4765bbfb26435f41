"""Where a training runs: one field, refused at once where it can't be."""

import contextlib
from typing import Any

import keras

from schemas.user_error import UserError
from trainer.model.parts.accelerator import has_accelerator


def distribution_scope(strategy: str) -> contextlib.AbstractContextManager[Any]:
    """The context in which model and optimiser are built and trained.

    "auto" is all GPUs there are, else the CPU. "mirrored" is TensorFlow's
    MirroredStrategy over this host's GPUs (or virtual CPUs, if there are several).
    "data_parallel" is keras.distribution on the JAX backend.
    """
    backend = keras.backend.backend()
    if strategy == "data_parallel":
        return _data_parallel(backend)
    if backend != "tensorflow":
        return _one_jax_device(strategy)
    return _tensorflow_scope(strategy)


def _tensorflow_scope(strategy: str) -> contextlib.AbstractContextManager[Any]:
    import tensorflow as tf

    gpus = tf.config.list_logical_devices("GPU")
    cpus = tf.config.list_logical_devices("CPU")
    if strategy == "gpu" and not gpus:
        raise UserError(
            "trainer.strategy is 'gpu', but TensorFlow sees no GPU here: set "
            "trainer.strategy=cpu (or auto), or install the CUDA libraries"
        )
    devices = gpus if len(gpus) > 1 else cpus
    if strategy == "mirrored" and len(devices) < 2:
        raise UserError(
            f"trainer.strategy is 'mirrored', but there are {len(gpus)} GPUs here and "
            "it takes two: set trainer.strategy=auto"
        )
    if strategy == "mirrored" or (strategy == "auto" and len(gpus) > 1):
        return tf.distribute.MirroredStrategy([d.name for d in devices]).scope()
    if strategy == "cpu" or not gpus:
        return tf.device("/CPU:0")
    return tf.device("/GPU:0")


def _one_jax_device(strategy: str) -> contextlib.AbstractContextManager[Any]:
    import jax

    if strategy == "mirrored":
        raise UserError(
            "trainer.strategy 'mirrored' is TensorFlow's: with KERAS_BACKEND=jax set "
            "trainer.strategy=data_parallel"
        )
    if strategy == "gpu" and jax.default_backend() != "gpu":
        raise UserError(
            "trainer.strategy is 'gpu', but JAX sees no GPU here: set "
            "trainer.strategy=cpu (or auto), or install jax[cuda12]"
        )
    device = jax.devices("cpu")[0] if strategy == "cpu" else jax.devices()[0]
    return jax.default_device(device)


def _data_parallel(backend: str) -> contextlib.AbstractContextManager[Any]:
    if backend != "jax":
        raise UserError(
            "trainer.strategy 'data_parallel' is keras.distribution, which the "
            f"{backend} backend silently ignores: set trainer.strategy=mirrored, or "
            "run with KERAS_BACKEND=jax"
        )
    return keras.distribution.DataParallel().scope()


def resolve_precision(precision: str) -> str:
    """The Keras dtype policy: "auto" is mixed bfloat16 on a GPU, else float32."""
    if precision != "auto":
        return precision
    return "mixed_bfloat16" if has_accelerator() else "float32"

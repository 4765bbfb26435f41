"""Where a training runs: one field, refused at once where it can't be."""

import contextlib
import functools
from typing import Any

import keras

from schemas.user_error import UserError
from trainer.training.hosts import require_jax, this_host


def distribution_scope(strategy: str) -> contextlib.AbstractContextManager[Any]:
    """The context in which model and optimiser are built and trained.

    "auto" is all GPUs there are, else the CPU. "mirrored" is TensorFlow's
    MirroredStrategy over this host's GPUs (or virtual CPUs, if there are several).
    "data_parallel" is keras.distribution on the JAX backend, "multi_host" the same
    over the devices of several processes, each of which reads its part of a batch.
    """
    backend = keras.backend.backend()
    if strategy == "multi_host":
        this_host(strategy)
        return keras.distribution.DataParallel(auto_shard_dataset=False).scope()
    if strategy == "data_parallel":
        return _data_parallel(backend)
    if backend != "tensorflow":
        return _one_jax_device(strategy)
    return _tensorflow_scope(strategy)


def require_equal_shares(strategy: str, global_batch_size: int) -> None:
    """UserError where the replicas of a strategy cannot share a batch equally."""
    require_jax(strategy)
    replicas = _replicas(strategy)
    if global_batch_size % replicas:
        nearest = max(1, round(global_batch_size / replicas)) * replicas
        raise UserError(
            f"trainer.input.global_batch_size {global_batch_size} cannot be shared by "
            f"the {replicas} devices of trainer.strategy={strategy}: set it to "
            f"{nearest}, or trainer.strategy to one device"
        )


def _replicas(strategy: str) -> int:
    """On how many devices a strategy trains at once."""
    if strategy in ("data_parallel", "multi_host"):
        return len(keras.distribution.list_devices())
    if keras.backend.backend() != "tensorflow":
        return 1
    return max(1, len(_mirrored_devices(strategy)))


def _mirrored_devices(strategy: str) -> list[str]:
    """The devices of TensorFlow's MirroredStrategy; none where there is no need."""
    import tensorflow as tf

    gpus = tf.config.list_logical_devices("GPU")
    several = gpus if len(gpus) > 1 else tf.config.list_logical_devices("CPU")
    if strategy == "mirrored" or (strategy == "auto" and len(gpus) > 1):
        return [device.name for device in several]
    return []


def _tensorflow_scope(strategy: str) -> contextlib.AbstractContextManager[Any]:
    import tensorflow as tf

    gpus = tf.config.list_logical_devices("GPU")
    if strategy == "gpu" and not gpus:
        raise UserError(
            "trainer.strategy is 'gpu', but TensorFlow sees no GPU here: set "
            "trainer.strategy=cpu (or auto), or install the CUDA libraries"
        )
    mirrored = _mirrored_devices(strategy)
    if strategy == "mirrored" and len(mirrored) < 2:
        raise UserError(
            f"trainer.strategy is 'mirrored', but there are {len(gpus)} GPUs here and "
            "it takes two: set trainer.strategy=auto"
        )
    if mirrored:
        return _mirrored_strategy(*mirrored).scope()
    if strategy == "cpu" or not gpus:
        return tf.device("/CPU:0")
    return tf.device("/GPU:0")


@functools.cache
def _mirrored_strategy(*devices: str) -> Any:
    """One for a process: TensorFlow numbers the exchanges of each from the start.

    Those of a second one would meet the first one's, of other shapes.
    """
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(devices)


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


def compiles_step(jit_compile: bool) -> bool:
    """Whether XLA compiles the training step: on JAX always.

    Keras's JAX trainer would run each operation for itself otherwise.
    """
    return jit_compile or keras.backend.backend() == "jax"


def resolve_precision(precision: str, strategy: str) -> str:
    """The Keras dtype policy: "auto" is mixed bfloat16 on a GPU, else float32.

    That there is a GPU does not help a training that `strategy` leaves on the CPU.
    """
    if precision != "auto":
        return precision
    on_cpu = strategy == "cpu" or not _has_accelerator()
    return "float32" if on_cpu else "mixed_bfloat16"


def _has_accelerator() -> bool:
    """True where the Keras backend in force sees a GPU or a TPU."""
    if keras.backend.backend() == "jax":
        import jax

        return bool(jax.default_backend() != "cpu")
    import tensorflow as tf

    return bool(tf.config.list_logical_devices("GPU"))

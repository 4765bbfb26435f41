"""Whether there is more than a CPU to compute on."""

import keras


def has_accelerator() -> bool:
    """True where the Keras backend in force sees a GPU or a TPU."""
    if keras.backend.backend() == "jax":
        import jax

        return bool(jax.default_backend() != "cpu")
    import tensorflow as tf

    return bool(tf.config.list_logical_devices("GPU"))

"""A model for TFMA whose signature is called by the name of its one input.

TFMA calls it by position. TensorFlow then tries another way of calling first, and
writes the whole input out as text, images and all, for an error that it catches itself:
that alone was a third of what TFMA took.
"""

from typing import Any

import tensorflow as tf
import tensorflow_model_analysis as tfma


def asked_by_name(
    model: tfma.types.EvalSharedModel, signature: str
) -> tfma.types.EvalSharedModel:
    """The same model, of which TFMA sees this signature alone."""
    load = model.model_loader.construct_fn
    loader = tfma.types.ModelLoader(lambda: _Model(load(), signature), ["serve"])
    return model._replace(model_loader=loader)


class _Model:
    """What TFMA looks at of a loaded model."""

    def __init__(self, loaded: Any, signature: str) -> None:
        self.signatures = {signature: _Signature(loaded.signatures[signature])}
        self._loaded = loaded  # whose variables go with it


class _Signature:
    """A signature of one input, the serialized examples [B]."""

    # TFMA then hands over the records as they are.
    structured_input_signature = None

    def __init__(self, signature: Any) -> None:
        (self._input,) = signature.structured_input_signature[1]
        self._signature = signature

    def __call__(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._signature(**{self._input: examples})

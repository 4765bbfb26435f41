"""One letterboxed frame in, predictions or detections out: what other runtimes take.

Batch and frame are fixed, bytes are not decoded, and classes have no names: strings and
unknown sizes take operations that other runtimes lack.
"""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf

PREDICTIONS = ("class_logits", "box_deltas")


class FrameGraph(tf.Module):
    """One function of the model's variables: `frame` uint8 [1, H, W, 3] RGB.

    It gives those of the model's outputs that `outputs` names.
    """

    def __init__(
        self, model: Any, frame_size: tuple[int, int], outputs: Sequence[str]
    ) -> None:
        super().__init__()
        self.model_variables = [variable.value for variable in model.variables]
        shape = [1, *frame_size, 3]

        @tf.function(input_signature=[tf.TensorSpec(shape, tf.uint8, name="frame")])
        def detect(frame: tf.Tensor) -> dict[str, tf.Tensor]:
            found = model(frame, training=False)
            return {name: found[name] for name in outputs}

        self.detect = detect


@contextlib.contextmanager
def saved(graph: FrameGraph) -> Iterator[str]:
    """A folder with the graph as a SavedModel, for converters; gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(graph, folder, signatures=graph.detect)
        yield folder

"""A model of ours as ONNX: predictions of one letterboxed frame."""

from typing import Any

from trainer.serving.frame_graph import PREDICTIONS, FrameGraph

_OPSET = 17  # of 2022: what runtimes of several years back read


def to_onnx(model: Any, frame_size: tuple[int, int]) -> bytes:
    """A graph that takes `frame`, uint8 [1, H, W, 3] RGB.

    It gives `class_logits` [1, A, K] and `box_deltas` [1, A, 4] float32.
    """
    import tf2onnx

    graph = FrameGraph(model, frame_size, PREDICTIONS)
    converted, _ = tf2onnx.convert.from_function(
        graph.detect, input_signature=graph.detect.input_signature, opset=_OPSET
    )
    serialized: bytes = converted.SerializeToString()
    return serialized

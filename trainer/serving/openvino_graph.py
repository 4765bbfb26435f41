"""A model of ours for OpenVINO: predictions of one letterboxed frame."""

from pathlib import Path
from typing import Any

from schemas.user_error import UserError
from trainer.serving.frame_graph import PREDICTIONS, FrameGraph, saved


def write_openvino(model: Any, frame_size: tuple[int, int], path: Path) -> None:
    """Writes `path` (.xml) and the weights beside it (.bin), as float16.

    It takes `frame`, uint8 [1, H, W, 3] RGB, and gives `class_logits` [1, A, K] and
    `box_deltas` [1, A, 4]. In which precision it computes is said when it is loaded.
    """
    import openvino

    with saved(FrameGraph(model, frame_size, PREDICTIONS)) as folder:
        converted = openvino.convert_model(folder)
        openvino.save_model(converted, path, compress_to_fp16=True)


def require_bfloat16() -> None:
    """UserError where this processor would compute in float32 all the same.

    What it gives in bfloat16 could not be judged here.
    """
    import openvino

    can = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if "BF16" not in can:
        raise UserError(
            "openvino_bf16 cannot be judged here: this processor has no bfloat16; make "
            "it on one that has (Intel's from the 4th Xeon generation on), or openvino"
        )

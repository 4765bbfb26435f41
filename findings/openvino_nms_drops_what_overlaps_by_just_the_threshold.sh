#!/usr/bin/env bash
# Non-maximum suppression at an IoU of exactly the threshold: ONNX Runtime (as TensorFlow)
# keeps the second box, OpenVINO drops it, from the same ONNX file. Boxes on a grid of
# whole pixels and a threshold of 0.5 meet it: a half of a box, as where two rows of
# anchors see one object. Who compares exports by "the same number of detections" looks
# for a wrong conversion, and there is none.
#
# Two boxes, the second a part of the first that is just the threshold, or a pixel less;
# OpenVINO told to compute in float32, where 0.5 and 0.25 are exact.
# Seen with openvino 2026.4.1, onnxruntime 1.32.0, onnx 1.23.2, Python 3.11, boxes kept:
#   threshold 0.5  IoU 0.5  onnxruntime 2 openvino 1
#   threshold 0.5  IoU 0.49 onnxruntime 2 openvino 2
#   threshold 0.5  IoU 0.51 onnxruntime 1 openvino 1
#   threshold 0.25 IoU 0.25 onnxruntime 2 openvino 1
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet openvino==2026.4.1 onnxruntime==1.32.0 onnx==1.23.2
cat > "$place/run.py" <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper


def suppression(threshold):
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node(
            "NonMaxSuppression", ["boxes", "scores", "most", "threshold"], ["kept"])],
        "suppression",
        [value("boxes", TensorProto.FLOAT, [1, 2, 4]),
         value("scores", TensorProto.FLOAT, [1, 1, 2])],
        [value("kept", TensorProto.INT64, ["kept", 3])],
        [numpy_helper.from_array(np.array([10]), "most"),
         numpy_helper.from_array(np.array([threshold], "float32"), "threshold")])
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def by_onnxruntime(content, given):
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, given)[0]


def by_openvino(content, given):
    core = openvino.Core()
    model = core.read_model(model=content, weights=b"")
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled(given)[0]


for threshold, height in ((0.5, 50), (0.5, 49), (0.5, 51), (0.25, 25)):
    given = {"boxes": np.array([[[0, 0, 100, 100], [0, 0, height, 100]]], "float32"),
             "scores": np.array([[[0.9, 0.8]]], "float32")}
    content = suppression(threshold)
    print(f"threshold {threshold:<4} IoU {height / 100:<4}"
          f" onnxruntime {len(by_onnxruntime(content, given))}"
          f" openvino {len(by_openvino(content, given))}")
PYTHON
seen=$("$place/venv/bin/python" "$place/run.py" 2> "$place/log") || { cat "$place/log" >&2; exit 1; }
echo "$seen"
[ "$seen" = "threshold 0.5  IoU 0.5  onnxruntime 2 openvino 1
threshold 0.5  IoU 0.49 onnxruntime 2 openvino 2
threshold 0.5  IoU 0.51 onnxruntime 1 openvino 1
threshold 0.25 IoU 0.25 onnxruntime 2 openvino 1" ] || { echo "this has changed" >&2; exit 1; }

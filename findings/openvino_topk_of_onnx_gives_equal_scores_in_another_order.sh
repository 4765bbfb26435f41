#!/usr/bin/env bash
# ONNX's TopK has a rule for equal values: the lower index comes first. ONNX Runtime keeps
# it; OpenVINO keeps it for up to 6 values and not from 7 on. A detector whose scores are
# equal (saturated at 1, or of int8) hands its candidates on in another order, NMS keeps
# another of two such boxes, and results differ by engine from the same file. A try with a
# few numbers shows nothing.
#
# TopK of 100 equal scores, by k; OpenVINO told to compute in float32.
# Seen with openvino 2026.4.1, onnxruntime 1.32.0, onnx 1.23.2, Python 3.11 (a Xeon,
# with AVX-512 and held to AVX2; there OpenVINO's 8 were 1 2 3 4 5 6 7 0):
#   k 6: onnxruntime by index True, openvino by index True
#   k 8: onnxruntime by index True, openvino by index False
#   k 50: onnxruntime by index True, openvino by index False
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

SCORES = {"scores": np.ones((1, 100), "float32")}


def topk(count):
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("TopK", ["scores", "k"], ["values", "indices"])],
        "candidates",
        [value("scores", TensorProto.FLOAT, [1, 100])],
        [value("values", TensorProto.FLOAT, [1, count]),
         value("indices", TensorProto.INT64, [1, count])],
        [numpy_helper.from_array(np.array([count]), "k")])
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def by_onnxruntime(content):
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(["indices"], SCORES)[0]


def by_openvino(content):
    core = openvino.Core()
    model = core.read_model(model=content, weights=b"")
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled(SCORES)["indices"]


for count in (6, 8, 50):
    content = topk(count)
    first, second = by_onnxruntime(content)[0], by_openvino(content)[0]
    wanted = np.arange(count)
    print(f"k {count}: onnxruntime by index {np.array_equal(first, wanted)},"
          f" openvino by index {np.array_equal(second, wanted)}")
PYTHON
seen=$("$place/venv/bin/python" "$place/run.py" 2> "$place/log") || { cat "$place/log" >&2; exit 1; }
echo "$seen"
[ "$seen" = "k 6: onnxruntime by index True, openvino by index True
k 8: onnxruntime by index True, openvino by index False
k 50: onnxruntime by index True, openvino by index False" ] ||
  { echo "this has changed" >&2; exit 1; }

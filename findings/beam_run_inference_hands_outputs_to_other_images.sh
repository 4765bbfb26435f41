#!/usr/bin/env bash
# Beam's RunInference and a model of two outputs, as detectors have them (boxes, scores).
#
# A Keras model whose outputs are a list: the outputs are dealt out to the images of the
# batch, one each. The first image gets the boxes of all images, the second all scores, and
# the third is not in the result: with n outputs, n images of a batch come out. An ONNX
# model: the first output only, the others are computed and thrown away. The same outputs
# as a dict, in Keras, come out right. Nothing is raised. A try with one image shows
# nothing of the first: it gets its boxes, and lacks its scores.
#
# Three inputs of two numbers in one batch; boxes are 100 times the input, scores 0.5 more.
# Seen with apache-beam 2.77.0, keras 3.15.1, tensorflow-cpu 2.21.0, onnx 1.23.2,
# onnxruntime 1.32.0, Python 3.11:
#   Keras, dict: 1 -> {'boxes': 100.0, 'scores': 1.5}
#   Keras, dict: 2 -> {'boxes': 200.0, 'scores': 2.5}
#   Keras, dict: 3 -> {'boxes': 300.0, 'scores': 3.5}
#   Keras, list: 1 -> [100.0, 200.0, 300.0]
#   Keras, list: 2 -> [1.5, 2.5, 3.5]
#   ONNX: 1 -> 100.0
#   ONNX: 2 -> 200.0
#   ONNX: 3 -> 300.0
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet apache-beam==2.77.0 keras==3.15.1 \
  tensorflow-cpu==2.21.0 tensorflow-hub==0.16.1 "setuptools<81" onnx==1.23.2 \
  onnxruntime==1.32.0
cat > "$place/run.py" <<'PYTHON'
import sys

import apache_beam as beam
import keras
import numpy as np
import onnx
from apache_beam.ml.inference.base import RunInference
from apache_beam.ml.inference.onnx_inference import OnnxModelHandlerNumpy
from apache_beam.ml.inference.tensorflow_inference import TFModelHandlerNumpy
from onnx import TensorProto, helper, numpy_helper

place = sys.argv[1]
image = keras.Input((1,))
boxes = keras.layers.Rescaling(100.0)(image)
scores = keras.layers.Rescaling(1.0, offset=0.5)(image)
keras.Model(image, {"boxes": boxes, "scores": scores}).save(f"{place}/dict.keras")
keras.Model(image, [boxes, scores]).save(f"{place}/list.keras")

value = helper.make_tensor_value_info
constants = {"hundred": 100.0, "half": 0.5}
graph = helper.make_graph(
    [helper.make_node("Mul", ["image", "hundred"], ["boxes"]),
     helper.make_node("Add", ["image", "half"], ["scores"])],
    "detector",
    [value("image", TensorProto.FLOAT, [None, 1])],
    [value("boxes", TensorProto.FLOAT, [None, 1]), value("scores", TensorProto.FLOAT, [None, 1])],
    [numpy_helper.from_array(np.float32(number), name) for name, number in constants.items()],
)
opset = [helper.make_opsetid("", 18)]
onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), f"{place}/m.onnx")

BATCH = {"min_batch_size": 3, "max_batch_size": 3}
HANDLERS = {
    "Keras, dict": TFModelHandlerNumpy(f"{place}/dict.keras", **BATCH),
    "Keras, list": TFModelHandlerNumpy(f"{place}/list.keras", **BATCH),
    "ONNX": OnnxModelHandlerNumpy(f"{place}/m.onnx", **BATCH),
}


def plain(result):
    if isinstance(result, dict):
        return {name: plain(part) for name, part in result.items()}
    return np.squeeze(np.asarray(result)).tolist()


for name, handler in HANDLERS.items():
    with beam.Pipeline() as pipeline:
        _ = (
            pipeline
            | beam.Create([np.full(1, number, "float32") for number in (1, 2, 3)], reshuffle=False)
            | RunInference(handler)
            | beam.Map(lambda result, name=name: print(
                f"{name}: {result.example.item():.0f} -> {plain(result.inference)}", flush=True))
        )
PYTHON
seen=$(TF_CPP_MIN_LOG_LEVEL=3 "$place/venv/bin/python" "$place/run.py" "$place" 2> "$place/log") || { cat "$place/log" >&2; exit 1; }
echo "$seen"
[ "$seen" = "Keras, dict: 1 -> {'boxes': 100.0, 'scores': 1.5}
Keras, dict: 2 -> {'boxes': 200.0, 'scores': 2.5}
Keras, dict: 3 -> {'boxes': 300.0, 'scores': 3.5}
Keras, list: 1 -> [100.0, 200.0, 300.0]
Keras, list: 2 -> [1.5, 2.5, 3.5]
ONNX: 1 -> 100.0
ONNX: 2 -> 200.0
ONNX: 3 -> 300.0" ] ||
  { echo "this has changed" >&2; exit 1; }

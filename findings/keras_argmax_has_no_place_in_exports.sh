#!/usr/bin/env bash
# keras.ops.argmax of floats, on TensorFlow, cannot be exported: it looks at the bits of
# its input to tell -0 from 0 (since Keras's issue 20350 was mended), which other formats
# have no operation for. A detector that ends in `argmax` of its class scores trains and
# serves as a SavedModel. Its export to ONNX writes a file and returns, and ONNX Runtime
# doesn't load that file (tf2onnx has logged an error); LiteRT's file needs TensorFlow's own
# operations, which LiteRT's interpreter lacks; the export to OpenVINO raises. `top_k` with
# k=1 gives the same classes and works in all of them.
#
# Classes of two rows of three scores, as each runtime gives them.
# Seen with keras 3.15.1, tensorflow-cpu 2.21.0, tf2onnx 1.17.0, onnx 1.23.2,
# onnxruntime 1.32.0, ai-edge-litert 2.3.0, openvino 2026.4.1, Python 3.11:
#   argmax: keras [2, 0]  onnx: written, not loaded: Bitcast  litert: written, not run: Select TensorFlow op(s)  openvino: not written: Bitcast
#   top_k:  keras [2, 0]  onnx: [2, 0]  litert: [2, 0]  openvino: [2, 0]
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet keras==3.15.1 tensorflow-cpu==2.21.0 tf2onnx==1.17.0 \
  onnx==1.23.2 onnxruntime==1.32.0 ai-edge-litert==2.3.0 openvino==2026.4.1 scipy==1.17.1
cat > "$place/run.py" <<'PYTHON'
import pathlib, sys

import ai_edge_litert.interpreter as litert
import keras
import numpy as np
import onnxruntime
import openvino

place = pathlib.Path(sys.argv[1])
ROWS = np.array([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]], "float32")
REASONS = ("Bitcast", "Select TensorFlow op(s)")


class Argmax(keras.layers.Layer):
    def call(self, scores):
        return keras.ops.argmax(scores, axis=-1)


class TopK(keras.layers.Layer):
    def call(self, scores):
        return keras.ops.top_k(scores, 1)[1][:, 0]


def onnx(path):
    session = onnxruntime.InferenceSession(path)
    return session.run(None, {session.get_inputs()[0].name: ROWS})[0]


def lite(path):
    interpreter = litert.Interpreter(path)
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(inputs[0]["index"], ROWS.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(inputs[0]["index"], ROWS)
    interpreter.invoke()
    return interpreter.get_tensor(outputs[0]["index"])


def vino(path):
    return openvino.Core().compile_model(path, "CPU")(ROWS)[0]


FORMATS = {"onnx": (".onnx", "loaded", onnx), "litert": (".tflite", "run", lite),
           "openvino": (".xml", "", vino)}


def outcome(model, form):
    ending, verb, run = FORMATS[form]
    path = str(place / f"{model.name}{ending}")
    written = False
    try:
        model.export(path, format=form, verbose=False)
        written = pathlib.Path(path).exists()
        return run(path).tolist()
    except Exception as error:
        reason = next((word for word in REASONS if word in str(error)), str(error))
        return f"written, not {verb}: {reason}" if written else f"not written: {reason}"


scores = keras.Input((3,))
for name, layer in (("argmax", Argmax()), ("top_k", TopK())):
    model = keras.Model(scores, layer(scores), name=name)
    classes = np.array(model(ROWS)).tolist()
    found = [f"{form}: {outcome(model, form)}" for form in FORMATS]
    print(f"{name + ':':7} keras {classes} ", "  ".join(found), flush=True)
PYTHON
seen=$(TF_CPP_MIN_LOG_LEVEL=3 "$place/venv/bin/python" "$place/run.py" "$place" 2> "$place/log") || { cat "$place/log" >&2; exit 1; }
echo "$seen"
[ "$seen" = "argmax: keras [2, 0]  onnx: written, not loaded: Bitcast  litert: written, not run: Select TensorFlow op(s)  openvino: not written: Bitcast
top_k:  keras [2, 0]  onnx: [2, 0]  litert: [2, 0]  openvino: [2, 0]" ] ||
  { echo "this has changed" >&2; exit 1; }

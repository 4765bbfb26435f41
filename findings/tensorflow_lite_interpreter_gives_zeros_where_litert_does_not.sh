#!/usr/bin/env bash
# One .tflite file, two interpreters: tf.lite.Interpreter, which TensorFlow 2.21 still
# brings, gives nothing but zeros for a 3x3 convolution of stride 4 with "SAME" padding;
# ai-edge-litert gives what TensorFlow itself gives. No error, no warning.
#
# It is XNNPACK's delegate, on by default: without it tf.lite is right, too. It takes a
# kernel smaller than the stride and a size that the stride divides (then the padding would
# be below 0); "VALID" and other sizes come out right. A model that is tested in the one
# and deployed with the other passes or fails for no reason to be seen in the file.
#
# A convolution of 3 to 4 channels with random weights: part of the output's values that
# are 0, and the largest difference from TensorFlow's is above .0001 or not.
# Seen with tensorflow-cpu 2.21.0, ai-edge-litert 2.3.0, Python 3.11:
#   SAME  224 px: tf.lite 100% 0, wrong  without XNNPACK 0% 0, right  ai_edge_litert 0% 0, right
#   SAME  226 px: tf.lite 0% 0, right  without XNNPACK 0% 0, right  ai_edge_litert 0% 0, right
#   VALID 224 px: tf.lite 0% 0, right  without XNNPACK 0% 0, right  ai_edge_litert 0% 0, right
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet tensorflow-cpu==2.21.0 ai-edge-litert==2.3.0
cat > "$place/run.py" <<'PYTHON'
import ai_edge_litert.interpreter as litert
import numpy as np
import tensorflow as tf

RESOLVERS = tf.lite.experimental.OpResolverType
INTERPRETERS = {
    "tf.lite": tf.lite.Interpreter,
    "without XNNPACK": lambda **model: tf.lite.Interpreter(
        experimental_op_resolver_type=RESOLVERS.BUILTIN_WITHOUT_DEFAULT_DELEGATES, **model),
    "ai_edge_litert": litert.Interpreter,
}
KERNEL = tf.random.stateless_normal((3, 3, 3, 4), (1, 2))


def convolution(size, padding):
    class Model(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, size, size, 3))])
        def forward(self, image):
            return tf.nn.conv2d(image, KERNEL, 4, padding)

    return Model()


def interpreted(make, content, image):
    interpreter = make(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


for padding, size in (("SAME", 224), ("SAME", 226), ("VALID", 224)):
    model = convolution(size, padding)
    image = tf.random.stateless_uniform((1, size, size, 3), (3, 4)).numpy()
    wanted = model.forward(image).numpy()
    graph = model.forward.get_concrete_function()
    content = tf.lite.TFLiteConverter.from_concrete_functions([graph], model).convert()
    said = []
    for name, make in INTERPRETERS.items():
        found = interpreted(make, content, image)
        right = "right" if np.abs(found - wanted).max() < 1e-4 else "wrong"
        said.append(f"{name} {(found == 0).mean():.0%} 0, {right}")
    print(f"{padding:5} {size} px:", "  ".join(said), flush=True)
PYTHON
seen=$(TF_CPP_MIN_LOG_LEVEL=3 "$place/venv/bin/python" "$place/run.py" 2> "$place/log") || { cat "$place/log" >&2; exit 1; }
echo "$seen"
[ "$seen" = "SAME  224 px: tf.lite 100% 0, wrong  without XNNPACK 0% 0, right  ai_edge_litert 0% 0, right
SAME  226 px: tf.lite 0% 0, right  without XNNPACK 0% 0, right  ai_edge_litert 0% 0, right
VALID 224 px: tf.lite 0% 0, right  without XNNPACK 0% 0, right  ai_edge_litert 0% 0, right" ] ||
  { echo "this has changed" >&2; exit 1; }

#!/usr/bin/env bash
# tf2onnx turns soft non-maximum suppression, as EfficientDet uses it, into ONNX's hard one,
# which lowers no score, without a word. It means to refuse what ONNX has no operation for,
# but compares the sigma as a whole number: 0.5 counts as 0, 1.0 is logged as an error.
# (In tf2onnx's issue 1607 such a fallback was weighed, with a warning.)
#
# Four boxes, two of which overlap the first by 0.8 and 0.6; the scores that come out, by
# sigma, with an IoU threshold of 1 as soft suppression is used (nothing is dropped by it).
# Seen with tf2onnx 1.17.0, tensorflow-cpu 2.21.0, onnx 1.23.2, onnxruntime 1.32.0,
# Python 3.11:
#   sigma 0.0  tensorflow 0.90 0.80 0.70 0.60  onnx 0.90 0.80 0.70 0.60
#   sigma 0.5  tensorflow 0.90 0.70 0.42 0.24  onnx 0.90 0.80 0.70 0.60
#   sigma 1.0  tensorflow 0.90 0.70 0.58 0.38  onnx says: Failed to convert node
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet tf2onnx==1.17.0 tensorflow-cpu==2.21.0 \
  onnx==1.23.2 onnxruntime==1.32.0
cat > "$place/run.py" <<'PYTHON'
import logging

import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx

BOXES = np.array([[0, 0, 10, 10], [0, 0, 10, 8], [20, 20, 30, 30], [0, 0, 10, 6]], "float32")
SCORES = np.array([0.9, 0.8, 0.7, 0.6], "float32")
SIGNATURE = (tf.TensorSpec([4, 4], name="boxes"), tf.TensorSpec([4], name="scores"))
SAID = []


class Listen(logging.Handler):
    def emit(self, record):
        SAID.append(record.getMessage())


def text(scores):
    return " ".join(f"{score:.2f}" for score in np.asarray(scores))


def converted(function):
    SAID.clear()
    model, _ = tf2onnx.convert.from_function(function, input_signature=SIGNATURE, opset=18)
    said = [line for line in SAID if "nms" in line.lower() or "suppression" in line.lower()]
    if said:
        return "says: " + said[0].split("'")[0].strip()
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return text(session.run(None, {"boxes": BOXES, "scores": SCORES})[0])


logging.getLogger().addHandler(Listen())
for sigma in (0.0, 0.5, 1.0):
    @tf.function(input_signature=SIGNATURE)
    def suppressed(boxes, scores):
        return tf.image.non_max_suppression_with_scores(
            boxes, scores, 4, iou_threshold=1.0, score_threshold=0.1, soft_nms_sigma=sigma)[1]

    print(f"sigma {sigma}  tensorflow {text(suppressed(BOXES, SCORES))}  "
          f"onnx {converted(suppressed)}", flush=True)
PYTHON
seen=$(TF_CPP_MIN_LOG_LEVEL=3 "$place/venv/bin/python" "$place/run.py" 2> "$place/log") || { cat "$place/log" >&2; exit 1; }
echo "$seen"
[ "$seen" = "sigma 0.0  tensorflow 0.90 0.80 0.70 0.60  onnx 0.90 0.80 0.70 0.60
sigma 0.5  tensorflow 0.90 0.70 0.42 0.24  onnx 0.90 0.80 0.70 0.60
sigma 1.0  tensorflow 0.90 0.70 0.58 0.38  onnx says: Failed to convert node" ] ||
  { echo "this has changed" >&2; exit 1; }

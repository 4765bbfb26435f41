#!/usr/bin/env bash
# Keras's export to OpenVINO (format="openvino", on TensorFlow) gives a model outputs that
# it does not have: the size of the batch, which GroupNormalization, Resizing and
# UpSampling2D with "bilinear" read inside, becomes an output without dimensions, behind
# the model's own. A detector whose heads give boxes and scores as a list comes out with
# three outputs: `boxes, scores = compiled(images).values()` fails, and a server that
# lists or checks outputs shows one that nobody knows.
#
# Not so where the model's outputs are a dict, nor where OpenVINO converts the SavedModel
# that the same Keras exports.
#
# Shapes of the outputs of a model of two 1x1 convolutions over one layer, by that layer.
# Seen with keras 3.15.1, tensorflow-cpu 2.21.0, openvino 2026.4.1, Python 3.11:
#   BatchNormalization, list: [?,8,8,4] [?,8,8,3]
#   GroupNormalization, list: [?,8,8,4] [?,8,8,3] []
#   GroupNormalization, dict: [?,8,8,4] [?,8,8,3]
#   GroupNormalization, list, by SavedModel: [?,8,8,4] [?,8,8,3]
#   Resizing, list: [?,16,16,4] [?,16,16,3] [] []
#   UpSampling2D, list: [?,16,16,4] [?,16,16,3] []
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet keras==3.15.1 tensorflow-cpu==2.21.0 \
  openvino==2026.4.1 scipy==1.17.1
cat > "$place/run.py" <<'PYTHON'
import sys

import keras
import openvino
from keras import layers

place = sys.argv[1]


def detector(layer, outputs):
    image = keras.Input((8, 8, 3), name="image")
    features = layer(image)
    boxes, scores = (layers.Conv2D(count, 1)(features) for count in (4, 3))
    both = [boxes, scores] if outputs == "list" else {"boxes": boxes, "scores": scores}
    return keras.Model(image, both)


def exported(model):
    model.export(f"{place}/model.xml", format="openvino", verbose=False)
    return openvino.Core().read_model(f"{place}/model.xml")


def by_saved_model(model):
    model.export(f"{place}/saved", verbose=False)
    return openvino.convert_model(f"{place}/saved")


def show(name, layer, outputs, convert=exported, way=""):
    shapes = [str(output.partial_shape) for output in convert(detector(layer, outputs)).outputs]
    print(f"{name}, {outputs}{way}:", *shapes, flush=True)


show("BatchNormalization", layers.BatchNormalization(), "list")
show("GroupNormalization", layers.GroupNormalization(3), "list")
show("GroupNormalization", layers.GroupNormalization(3), "dict")
show("GroupNormalization", layers.GroupNormalization(3), "list", by_saved_model, ", by SavedModel")
show("Resizing", layers.Resizing(16, 16), "list")
show("UpSampling2D", layers.UpSampling2D(2, interpolation="bilinear"), "list")
PYTHON
seen=$(TF_CPP_MIN_LOG_LEVEL=3 "$place/venv/bin/python" "$place/run.py" "$place" 2> "$place/log") || { cat "$place/log" >&2; exit 1; }
echo "$seen"
[ "$seen" = "BatchNormalization, list: [?,8,8,4] [?,8,8,3]
GroupNormalization, list: [?,8,8,4] [?,8,8,3] []
GroupNormalization, dict: [?,8,8,4] [?,8,8,3]
GroupNormalization, list, by SavedModel: [?,8,8,4] [?,8,8,3]
Resizing, list: [?,16,16,4] [?,16,16,3] [] []
UpSampling2D, list: [?,16,16,4] [?,16,16,3] []" ] ||
  { echo "this has changed" >&2; exit 1; }

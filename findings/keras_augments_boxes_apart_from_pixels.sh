#!/usr/bin/env bash
# Four of Keras's random image layers take bounding boxes along and move them elsewhere
# than the pixels. Nothing is said: a detector trains on boxes beside its objects.
#
# RandomCrop takes the rows' offset from x and the columns' from y (mended in Keras's
# repository since 3.15.1), and converts relative boxes by the crop's size.
# RandomShear shears in relative coordinates: a box of an image that isn't square is moved
# by width/height (or height/width) as much as its object. RandomRotation takes what it is
# given for "xyxy" pixels, whatever `bounding_box_format` says. RandomPerspective reads the
# format, and gives "xyxy" pixels back under its name. RandomTranslation beside them is
# right.
#
# One white rectangle in a black image, 200 wide and 100 high, and its box: IoU of the box
# that comes back with the rectangle that the pixels show. Factors are single values; the
# crop's place and the perspective's corners are drawn from a seed.
# Seen with keras 3.15.1, jax 0.10.2, Python 3.11:
#                      xyxy  rel_xyxy  square image, xyxy
#   RandomTranslation   1.00  1.00  1.00
#   RandomCrop          0.03  0.00  0.03
#   RandomShear         0.40  0.40  1.00
#   RandomRotation      0.96  0.00  0.96
#   RandomPerspective   0.97  0.00  0.97
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet keras==3.15.1 jax==0.10.2
cat > "$place/run.py" <<'PYTHON'
import keras
import numpy as np
from keras import layers
from keras.utils.bounding_boxes import convert_format

BLACK = {"fill_mode": "constant"}
LAYERS = (
    (layers.RandomTranslation, {**BLACK, "height_factor": (0.1, 0.1), "width_factor": (0.2, 0.2)}),
    (layers.RandomCrop, {}),
    (layers.RandomShear, {**BLACK, "x_factor": (0.5, 0.5), "y_factor": (0, 0)}),
    (layers.RandomRotation, {**BLACK, "factor": (0.05, 0.05)}),
    (layers.RandomPerspective, {"factor": (1, 1), "scale": 0.3}),
)
LEFT, TOP, RIGHT, BOTTOM = BOX = 40, 40, 70, 60


def shown(image):
    rows, columns = np.nonzero(image[..., 0] > 127)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def iou(one, other):
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    both = np.prod(np.maximum(high - low, 0))
    areas = [np.prod(np.subtract(box[2:], box[:2])) for box in (one, other)]
    return float(both / (sum(areas) - both))


def agreement(make, arguments, form, width):
    keras.utils.set_random_seed(0)
    if make is layers.RandomCrop:
        arguments = {"height": 70, "width": width - 30}
    layer = make(bounding_box_format=form, seed=1, **arguments)
    image = np.zeros((1, 100, width, 3), "float32")
    image[:, TOP:BOTTOM, LEFT:RIGHT] = 255
    given = np.array([[BOX]], "float32")
    boxes = convert_format(given, "xyxy", form, height=100, width=width)
    made = layer({"images": image, "bounding_boxes": {
        "boxes": np.array(boxes), "labels": np.zeros((1, 1))}}, training=True)
    picture = np.array(made["images"])
    height, width = picture.shape[1:3]
    back = convert_format(made["bounding_boxes"]["boxes"], form, "xyxy", height=height, width=width)
    return iou(shown(picture[0]), np.array(back)[0, 0])


for make, arguments in LAYERS:
    cases = (("xyxy", 200), ("rel_xyxy", 200), ("xyxy", 100))
    found = [agreement(make, arguments, form, width) for form, width in cases]
    print(f"{make.__name__:18}", *(f"{value:5.2f}" for value in found), flush=True)
PYTHON
seen=$(KERAS_BACKEND=jax "$place/venv/bin/python" "$place/run.py" 2> "$place/log") || { cat "$place/log" >&2; exit 1; }
echo "$seen"
[ "$seen" = "RandomTranslation   1.00  1.00  1.00
RandomCrop          0.03  0.00  0.03
RandomShear         0.40  0.40  1.00
RandomRotation      0.96  0.00  0.96
RandomPerspective   0.97  0.00  0.97" ] ||
  { echo "this has changed" >&2; exit 1; }

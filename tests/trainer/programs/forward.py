"""Prediction, loss and detections of given weights under the backend in force.

argv: a .weights.npz to write (if it is not there) or to read, and "write" or "read".
"""

import json
import sys

import keras
import numpy as np
from keras import ops

from trainer.model.build import build_retinanet
from trainer.model.config import (
    AnchorConfig,
    DecodingConfig,
    HeadConfig,
    LossConfig,
    MatcherConfig,
    ModelConfig,
)

PATH, ACTION = sys.argv[1:]
CONFIG = ModelConfig(
    backbone="light",
    max_level=5,
    pyramid_filters=8,
    pyramid_norm="batch",
    head=HeadConfig(num_convs=1, norm="batch", prior=0.3),
    anchors=AnchorConfig(scale=5.0, octaves=1, aspect_ratios=(1.0,)),
    matcher=MatcherConfig(kind="atss"),
    loss=LossConfig(box="giou"),
    decoding=DecodingConfig(pre_nms_top_k=100, max_detections=20),
)

keras.utils.set_random_seed(0)
model = build_retinanet(CONFIG, 3)
model.compile(optimizer=keras.optimizers.SGD(0.01), jit_compile="auto")
if ACTION == "write":
    np.savez(PATH, *[ops.convert_to_numpy(v) for v in model.variables])
else:
    with np.load(PATH) as arrays:
        for variable, name in zip(model.variables, arrays, strict=True):
            variable.assign(arrays[name])
random = np.random.default_rng(0)
images = random.integers(0, 256, (2, 64, 96, 3)).astype("uint8")
truth = {
    "gt_boxes": np.array([[[5, 5, 40, 50], [50, 10, 90, 60]]] * 2, "float32"),
    "gt_classes": np.array([[0, 2], [1, -1]], "int32"),
    "gt_difficult": np.array([[0, 0], [1, 0]], "int32"),
}
outputs = model.predict_on_batch(images)
loss = model.test_on_batch(images, truth, return_dict=True)
model.reset_metrics()
trained = [model.train_on_batch(images, truth, return_dict=True) for _ in range(2)]
print(
    json.dumps(
        {
            "backend": keras.backend.backend(),
            "logits": outputs["class_logits"][0].ravel()[::7].tolist(),
            "boxes": outputs["boxes"].ravel().tolist(),
            "scores": outputs["scores"].ravel().tolist(),
            "classes": outputs["classes"].ravel().tolist(),
            "loss": {name: float(value) for name, value in loss.items()},
            "trained": {name: float(value) for name, value in trained[1].items()},
        }
    )
)

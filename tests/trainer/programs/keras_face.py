"""Keras's fit, evaluate, callbacks and files under the backend in force.

argv: a folder to write to. Prints what was evaluated, and the same of the model that
was loaded again.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from trainer.metrics.keras_metric import COCOMeanAveragePrecision
from trainer.model.build import build_retinanet
from trainer.model.config import (
    AnchorConfig,
    DecodingConfig,
    HeadConfig,
    LossConfig,
    MatcherConfig,
    ModelConfig,
)

FOLDER = Path(sys.argv[1])
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
random = np.random.default_rng(0)
images = random.integers(0, 256, (6, 64, 64, 3)).astype("uint8")
left_top = random.uniform(0, 30, (6, 2, 2))
truth = {
    "gt_boxes": np.concatenate([left_top, left_top + 20], -1).astype("float32"),
    "gt_classes": random.integers(-1, 3, (6, 2)).astype("int32"),
    "gt_difficult": np.zeros((6, 2), "int32"),
}
metric = COCOMeanAveragePrecision(
    class_ids=range(3),
    bounding_box_format="xyxy",
    max_images=6,
    detections_per_image=20,
    name="mAP",
)
assert np.isnan(float(metric.result()))
model = build_retinanet(CONFIG, 3)
model.compile(optimizer=keras.optimizers.SGD(0.01, momentum=0.9), metrics=[metric])
path = str(FOLDER / "best.keras")
history = model.fit(
    images,
    truth,
    batch_size=4,
    validation_data=(images, truth),
    epochs=3,
    callbacks=[
        keras.callbacks.ModelCheckpoint(path, monitor="val_loss", save_best_only=True),
        keras.callbacks.EarlyStopping("val_loss", restore_best_weights=True),
    ],
    verbose=0,
).history
assert np.isfinite(history["val_mAP"]).all()
evaluated = model.evaluate(images, truth, batch_size=4, return_dict=True, verbose=0)
again = keras.saving.load_model(path)
loaded = again.evaluate(images, truth, batch_size=4, return_dict=True, verbose=0)
said = {
    "backend": keras.backend.backend(),
    "evaluated": {name: float(value) for name, value in evaluated.items()},
    "loaded": {name: float(value) for name, value in loaded.items()},
}
print(json.dumps(said))

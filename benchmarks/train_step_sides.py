"""One side of `train_step.py`, in a process and an environment of its own.

    PYTHON benchmarks/train_step_sides.py {ours,keras-hub,keras-cv} OPTIONS_AS_JSON

Prints a line of JSON when it is ready, then, for each number read from standard input,
the seconds of as many steps; 0 ends it with the peak memory.
"""

import argparse
import importlib.metadata
import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np

CLASSES, BOXES = 20, 8
RATE, MOMENTUM, CLIP = 1e-4, 0.9, 10.0


def main() -> None:
    side, options = sys.argv[1], argparse.Namespace(**json.loads(sys.argv[2]))
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes elsewhere
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    model, batch = BUILDERS[side](options)
    iterator = iter(tf.data.Dataset.from_tensors(batch).repeat().prefetch(2))
    model.make_train_function()
    started, before_mib = time.perf_counter(), peak_memory_mib()
    timed_steps(model, iterator, 2)
    ready = {
        "memory_before_mib": round(before_mib),
        "versions": versions("tensorflow", "tensorflow-cpu", "keras", side),
        "parameters": model.count_params(),
        "two_first_steps_s": round(time.perf_counter() - started, 1),
    }
    print(json.dumps(ready), file=replies, flush=True)
    while steps := int(sys.stdin.readline() or 0):
        print(json.dumps(timed_steps(model, iterator, steps)), file=replies, flush=True)
    memory_mib = peak_memory_mib()
    parts_s = forward_parts(model, *batch) if side == "ours" else {}
    end = {"memory_mib": memory_mib, "parts_s": parts_s}
    print(json.dumps(end), file=replies, flush=True)


def peak_memory_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def versions(*packages: str) -> dict[str, str]:
    installed = {}
    for package in packages:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed


def timed_steps(model, iterator, steps: int) -> list[tuple[float, float]]:
    """Wall and processor seconds of each step."""
    taken = []
    for _ in range(steps):
        wall, cpu = time.perf_counter(), time.process_time()
        logs = model.train_function(iterator)
        float(logs["loss"])
        taken.append((time.perf_counter() - wall, time.process_time() - cpu))
    return taken


def drawn(options: argparse.Namespace):
    random = np.random.default_rng(0)
    shape = (options.batch, options.size, options.size, 3)
    images = random.integers(0, 256, shape).astype("float32")
    low = random.uniform(0, options.size * 0.6, (options.batch, BOXES, 2))
    sides = random.uniform(24, options.size * 0.4, low.shape)
    boxes = np.concatenate([low, low + sides], -1).astype("float32")
    return images, boxes, random.integers(0, CLASSES, (options.batch, BOXES))


def compiled(model, **losses):
    import keras

    optimizer = keras.optimizers.SGD(RATE, momentum=MOMENTUM, global_clipnorm=CLIP)
    model.compile(optimizer=optimizer, jit_compile=False, **losses)
    return model


def build_ours(options: argparse.Namespace):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from trainer.model.build import build_retinanet
    from trainer.model.config import ModelConfig
    from trainer.optimizer.build import build_optimizer
    from trainer.optimizer.config import OptimizerConfig, PiecewiseSchedule

    # what `compiled` takes, as our trainer builds it
    sgd = OptimizerConfig(
        schedule=PiecewiseSchedule(boundaries=(), rates=(RATE,)),
        momentum=MOMENTUM,
        weight_decay=0.0,
        clip_global_norm=CLIP,
    )
    config = ModelConfig(
        backbone=options.backbone,
        frozen_stages=5 if options.frozen else 0,
        freeze_batch_norm=options.frozen,
    )
    images, boxes, classes = drawn(options)
    truth = {
        "gt_boxes": boxes,
        "gt_classes": classes.astype("int32"),
        "gt_difficult": np.zeros(classes.shape, "int32"),
    }
    model = build_retinanet(config, CLASSES)
    model.compile(optimizer=build_optimizer(sgd, train_steps=1), jit_compile=False)
    return model, (images, truth)


def resnet_options(options: argparse.Namespace) -> dict[str, object]:
    basic = options.backbone == "resnet18"
    return {
        "stackwise_num_blocks": [2, 2, 2, 2] if basic else [3, 4, 6, 3],
        "stackwise_num_strides": [1, 2, 2, 2],
    }


def build_keras_hub(options: argparse.Namespace):
    import keras_hub

    basic = options.backbone == "resnet18"
    encoder = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 128, 256, 512],
        block_type="basic_block" if basic else "bottleneck_block",
        image_shape=(None, None, 3),
        **resnet_options(options),
    )
    encoder.trainable = not options.frozen
    backbone = keras_hub.models.RetinaNetBackbone(
        image_encoder=encoder, min_level=3, max_level=7, use_p5=False
    )
    model = keras_hub.models.RetinaNetObjectDetector(
        backbone=backbone, num_classes=CLASSES, bounding_box_format="xyxy"
    )
    images, boxes, classes = drawn(options)
    truth = {"boxes": boxes, "labels": classes.astype("float32")}
    # its own losses: Huber and focal
    return compiled(model), (images / 255.0, truth)


def build_keras_cv(options: argparse.Namespace):
    import keras
    import keras_cv
    from keras_cv.src.models.object_detection.retinanet import PredictionHead

    basic = options.backbone == "resnet18"
    backbone = keras_cv.models.ResNetBackbone(
        stackwise_filters=[64, 128, 256, 512],
        stackwise_blocks=resnet_options(options)["stackwise_num_blocks"],
        stackwise_strides=[1, 2, 2, 2],
        block_type="basic_block" if basic else "block",
        include_rescaling=True,
        input_shape=(None, None, 3),
    )
    backbone.trainable = not options.frozen
    prior = keras.initializers.Constant(-np.log(99.0))
    model = keras_cv.models.RetinaNet(
        backbone=backbone,
        num_classes=CLASSES,
        bounding_box_format="xyxy",
        # four convolutions, as the paper and the other sides have; its own are three
        classification_head=PredictionHead(9 * CLASSES, prior, num_conv_layers=4),
        box_head=PredictionHead(9 * 4, "zeros", num_conv_layers=4),
    )
    images, boxes, classes = drawn(options)
    truth = {"boxes": boxes, "classes": classes.astype("float32")}
    losses = {"classification_loss": "focal", "box_loss": "smoothl1"}
    return compiled(model, **losses), (images, truth)


def forward_parts(model, images, truth) -> dict[str, float]:
    """Seconds of our step's forward parts, each run alone: the least of five."""
    import tensorflow as tf
    from keras import ops

    from trainer.model.targets.per_anchor import make_targets

    def heads(maps):
        return {
            "class_logits": model.class_head(maps, training=True),
            "box_deltas": model.box_head(maps, training=True),
        }

    size = images.shape[1]
    levels = [ops.convert_to_tensor(x) for x in model.anchors(size, size)]
    anchors = ops.concatenate(levels, axis=0)
    trains_norm = not model.config.freeze_batch_norm
    parts = {}

    def timed(name, function, *arguments):
        compiled_part = tf.function(function)
        result = compiled_part(*arguments)
        taken = []
        for _ in range(5):
            started = time.perf_counter()
            compiled_part(*arguments)
            taken.append(time.perf_counter() - started)
        parts[name] = min(taken)
        return result

    stages = timed(
        "backbone", lambda x: model.backbone(x, training=trains_norm), images / 255
    )
    maps = timed("pyramid", lambda x: model.pyramid(x, training=True), stages)
    predictions = timed("heads", heads, maps)
    targets = timed(
        "targets",
        lambda y: make_targets(levels, y, CLASSES, model.config.matcher),
        truth,
    )
    timed("losses", lambda y, t: model._loss_sums(y, t, anchors), predictions, targets)
    return parts


BUILDERS = {
    "ours": build_ours,
    "keras-hub": build_keras_hub,
    "keras-cv": build_keras_cv,
}

if __name__ == "__main__":
    main()

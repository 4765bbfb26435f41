"""Seconds a training step: our RetinaNet against KerasHub's, each in its own process.

Same backbone (KerasHub's ResNet), images, boxes, optimiser, batch and threads; both
have 256-wide heads of four convolutions and nine anchors a cell. The processes take
turns, so that a busy machine slows both; the median step of each is compared. Prints
both sides, their peak memory and the ratio.

    python benchmarks/train_step.py [--size 256] [--batch 4] [--backbone resnet18]
        [--frozen] [--steps 5] [--rounds 3] [--threads 2]
"""

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import time

CLASSES, BOXES = 20, 8
SIDES = ("ours", "kerashub")


def main() -> None:
    arguments = parse()
    context = multiprocessing.get_context("spawn")
    workers = {}
    for side in SIDES:
        here, there = context.Pipe()
        process = context.Process(target=serve, args=(side, arguments, there))
        process.start()
        workers[side] = (process, here)
        print(side, here.recv(), flush=True)
    times: dict[str, list[float]] = {side: [] for side in SIDES}
    for _ in range(arguments.rounds):
        for side, (_, pipe) in workers.items():
            pipe.send(arguments.steps)
            times[side] += pipe.recv()
    medians = {side: statistics.median(taken) for side, taken in times.items()}
    for side, (process, pipe) in workers.items():
        pipe.send(0)
        memory_mib = pipe.recv()
        process.join()
        low, high = min(times[side]), max(times[side])
        print(
            f"{side:9} {medians[side]:.3f} s a step ({low:.3f} to {high:.3f}), "
            f"peak memory {memory_mib:.0f} MiB"
        )
    print(f"ratio kerashub / ours: {medians['kerashub'] / medians['ours']:.2f}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--backbone", choices=("resnet18", "resnet50"))
    parser.set_defaults(backbone="resnet18")
    parser.add_argument("--frozen", action="store_true")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def serve(side: str, arguments: argparse.Namespace, pipe) -> None:
    """Builds one side, then times as many steps as the pipe asks for; 0 ends it."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(arguments.threads)
    build = {"ours": build_ours, "kerashub": build_kerashub}[side]
    model, images, truth = build(arguments)
    data = tf.data.Dataset.from_tensors((images, truth)).repeat().prefetch(2)
    iterator = iter(data)
    model.make_train_function()
    started = time.perf_counter()
    for _ in range(2):
        logs = model.train_function(iterator)
        float(logs["loss"])
    first_s = time.perf_counter() - started
    parameters = model.count_params()
    pipe.send(json.dumps({"parameters": parameters, "two_first_steps_s": first_s}))
    while steps := pipe.recv():
        taken = []
        for _ in range(steps):
            started = time.perf_counter()
            float(model.train_function(iterator)["loss"])
            taken.append(time.perf_counter() - started)
        pipe.send(taken)
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def drawn(arguments: argparse.Namespace):
    import numpy as np

    random = np.random.default_rng(0)
    shape = (arguments.batch, arguments.size, arguments.size, 3)
    images = random.integers(0, 256, shape).astype("float32")
    low = random.uniform(0, arguments.size * 0.6, (arguments.batch, BOXES, 2))
    sides = random.uniform(24, arguments.size * 0.4, low.shape)
    boxes = np.concatenate([low, low + sides], -1).astype("float32")
    classes = random.integers(0, CLASSES, (arguments.batch, BOXES))
    return images, boxes, classes


def optimizer():
    import keras

    return keras.optimizers.SGD(1e-4, momentum=0.9, global_clipnorm=10.0)


def build_ours(arguments: argparse.Namespace):
    import numpy as np

    from trainer.model.build import build_retinanet
    from trainer.model.config import ModelConfig

    frozen = 5 if arguments.frozen else 0
    config = ModelConfig(
        backbone=arguments.backbone,
        frozen_stages=frozen,
        freeze_batch_norm=arguments.frozen,
    )
    model = build_retinanet(config, CLASSES)
    model.compile(optimizer=optimizer(), jit_compile=False)
    images, boxes, classes = drawn(arguments)
    truth = {
        "gt_boxes": boxes,
        "gt_classes": classes.astype("int32"),
        "gt_difficult": np.zeros(classes.shape, "int32"),
    }
    return model, images, truth


def build_kerashub(arguments: argparse.Namespace):
    import keras_hub

    basic = arguments.backbone == "resnet18"
    encoder = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 128, 256, 512],
        stackwise_num_blocks=[2, 2, 2, 2] if basic else [3, 4, 6, 3],
        stackwise_num_strides=[1, 2, 2, 2],
        block_type="basic_block" if basic else "bottleneck_block",
        image_shape=(None, None, 3),
    )
    encoder.trainable = not arguments.frozen
    backbone = keras_hub.models.RetinaNetBackbone(
        image_encoder=encoder, min_level=3, max_level=7, use_p5=False
    )
    model = keras_hub.models.RetinaNetObjectDetector(
        backbone=backbone, num_classes=CLASSES, bounding_box_format="xyxy"
    )
    # its own losses: Huber and focal
    model.compile(optimizer=optimizer(), jit_compile=False)
    images, boxes, classes = drawn(arguments)
    return model, images / 255.0, {"boxes": boxes, "labels": classes.astype("float32")}


if __name__ == "__main__":
    main()

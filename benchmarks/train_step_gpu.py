"""Training steps per second on one GPU: our RetinaNet on JAX against torchvision's.

Both have a ResNet50 v1 that trains with its batch norm, 256-wide heads of four
convolutions, nine anchors per cell, SGD with momentum, mixed bfloat16, and the same
images and boxes, which lie on the device. Each configuration runs in a process of its
own. Prints both sides, the largest memory that tensors took, and the ratio; with
--profile also where our step spends its time on the device.

    python benchmarks/train_step_gpu.py [--sides ours,torchvision] [--steps 30]
        [--runs 512x32,800x16] [--precision mixed_bfloat16] [--profile]
        [--model PRESET]

Needs a GPU, JAX for it, and for the other side torch and torchvision; no TensorFlow.
"""

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

CLASSES, BOXES, RATE, MOMENTUM = 20, 8, 1e-4, 0.9
WARM_UP_STEPS, MEMORY_MIB = 5, 2**20


def main() -> None:
    arguments = parse()
    if arguments.worker:
        size, batch = map(int, arguments.runs.split("x"))
        print(json.dumps(SIDES[arguments.worker](size, batch, arguments)))
        return
    for run in arguments.runs.split(","):
        rates = {}
        for side in arguments.sides.split(","):
            result = in_process(side, run, arguments)
            print(run, side, json.dumps(result), flush=True)
            if "images_per_s" in result:
                rates[side] = result["images_per_s"]
        if len(rates) == 2:
            ratio = rates["ours"] / rates["torchvision"]
            print(f"{run}: ours trains {ratio:.2f} times as many images per second")


def in_process(side: str, run: str, arguments: argparse.Namespace) -> dict[str, object]:
    command = [sys.executable, __file__, "--worker", side, "--runs", run]
    command += ["--steps", str(arguments.steps), "--precision", arguments.precision]
    command += ["--model", arguments.model]
    command += ["--profile"] if arguments.profile else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        short = [
            line for line in lines if "RESOURCE_EXHAUSTED" in line or "OOM" in line
        ]
        return {"failed": (short or lines)[-1][:300]}
    return json.loads(done.stdout.splitlines()[-1])


def drawn(size: int, batch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images uint8 [B, H, W, 3], boxes [B, G, 4] xyxy px, classes [B, G]."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (batch, size, size, 3)).astype("uint8")
    low = random.uniform(0, size * 0.6, (batch, BOXES, 2))
    sides = random.uniform(24, size * 0.4, low.shape)
    boxes = np.concatenate([low, low + sides], -1).astype("float32")
    return images, boxes, random.integers(0, CLASSES, (batch, BOXES)).astype("int32")


def run_ours(size: int, batch: int, options: argparse.Namespace) -> dict[str, object]:
    os.environ["KERAS_BACKEND"] = "jax"
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import jax
    import keras

    from trainer.model.build import build_retinanet

    if jax.default_backend() == "cpu":
        sys.exit("JAX sees no GPU here; train_step.py is the benchmark for a CPU")
    keras.config.set_dtype_policy(options.precision)
    config, optimizer = our_configs(options.model)
    images, boxes, classes = drawn(size, batch)
    truth = {"gt_boxes": boxes, "gt_classes": classes, "gt_difficult": classes * 0}
    on_device = jax.device_put((images, truth))
    model = build_retinanet(config, CLASSES)
    model.compile(optimizer=optimizer, jit_compile=True)

    def batches():
        while True:
            yield on_device

    clock = epoch_clock()
    started = time.perf_counter()
    model.fit(
        batches(), steps_per_epoch=WARM_UP_STEPS, epochs=1, verbose=0, callbacks=[clock]
    )
    warm_up_s = time.perf_counter() - started
    clock.taken.clear()
    fit_more = {"steps_per_epoch": options.steps, "verbose": 0, "callbacks": [clock]}
    model.fit(batches(), epochs=2, **fit_more)
    result = {
        **measured(clock.taken, options.steps, batch),
        "warm_up_s": round(warm_up_s, 1),
        "loss": float(model.get_metrics_result()["loss"]),
        "parameters": model.count_params(),
        "device": jax.devices()[0].device_kind,
        "jax": jax.__version__,
        "keras": keras.__version__,
    }
    memory = jax.devices()[0].memory_stats() or {}
    result["peak_mib"] = memory.get("peak_bytes_in_use", 0) // MEMORY_MIB
    if options.profile:
        with tempfile.TemporaryDirectory() as folder:
            with jax.profiler.trace(folder):
                model.fit(batches(), epochs=1, **{**fit_more, "steps_per_epoch": 5})
            result["top_ms_per_step"] = top_operations(folder, steps=5)
    return result


def our_configs(name: str):
    """The model's config and its optimiser: torchvision's counterpart, or a preset."""
    from trainer.model.config import ModelConfig
    from trainer.optimizer.build import build_optimizer
    from trainer.optimizer.config import OptimizerConfig, PiecewiseSchedule

    if name == "resnet50":
        sgd = OptimizerConfig(
            schedule=PiecewiseSchedule(boundaries=(), rates=(RATE,)),
            momentum=MOMENTUM,
            weight_decay=0.0,
            clip_global_norm=10.0,
        )
        return ModelConfig(backbone="resnet50"), build_optimizer(sgd, train_steps=1)
    import dataclasses

    from pipeline.presets import PRESETS

    trainer = PRESETS[name]().trainer
    model = dataclasses.replace(trainer.model, backbone_weights="")
    return model, build_optimizer(trainer.optimizer, train_steps=1000)


def run_torchvision(
    size: int, batch: int, options: argparse.Namespace
) -> dict[str, object]:
    import torch
    import torchvision

    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    model = torchvision.models.detection.retinanet_resnet50_fpn(
        weights=None,
        weights_backbone=None,
        num_classes=CLASSES,
        trainable_backbone_layers=5,
        min_size=size,
        max_size=size,
    )
    model = model.cuda().train().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), RATE, momentum=MOMENTUM)
    images, boxes, classes = drawn(size, batch)
    pixels = torch.from_numpy(images).cuda().permute(0, 3, 1, 2).float() / 255
    targets = [
        {
            "boxes": torch.from_numpy(b).cuda(),
            "labels": torch.from_numpy(c).cuda().long(),
        }
        for b, c in zip(boxes, classes, strict=True)
    ]
    mixed = options.precision == "mixed_bfloat16"

    def step() -> None:
        with torch.autocast("cuda", torch.bfloat16, enabled=mixed):
            loss = sum(model(list(pixels), targets).values())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()

    for _ in range(WARM_UP_STEPS):
        step()
    taken = []
    for _ in range(2):
        torch.cuda.synchronize()
        started = time.perf_counter()
        for _ in range(options.steps):
            step()
        torch.cuda.synchronize()
        taken.append(time.perf_counter() - started)
    return {
        **measured(taken, options.steps, batch),
        "parameters": sum(p.numel() for p in model.parameters()),
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "peak_mib": torch.cuda.max_memory_allocated() // MEMORY_MIB,
    }


def epoch_clock():
    """A callback that keeps the wall seconds of each epoch in `taken`."""
    import keras

    class Clock(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.taken: list[float] = []

        def on_epoch_begin(self, epoch, logs=None):
            self.started = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            float(logs["loss"])  # waits for the device
            self.taken.append(time.perf_counter() - self.started)

    return Clock()


def measured(taken: list[float], steps: int, batch: int) -> dict[str, float]:
    step_ms = [round(1000 * s / steps, 2) for s in taken]
    return {"step_ms": step_ms, "images_per_s": round(1000 * batch / min(step_ms), 1)}


def top_operations(folder: str, steps: int, count: int = 15) -> dict[str, float]:
    """Milliseconds per step of the operations that take the most time on the GPU."""
    from jax.profiler import ProfileData

    (path,) = Path(folder).rglob("*.xplane.pb")
    spent: dict[str, float] = collections.Counter()
    for plane in ProfileData.from_file(str(path)).planes:
        if not plane.name.startswith("/device:GPU"):
            continue
        for line in plane.lines:
            if "XLA" in line.name or "Step" in line.name or "Source" in line.name:
                continue
            for event in line.events:
                spent[event.name] += event.duration_ns / 1e6 / steps
    ranked = sorted(spent.items(), key=lambda item: -item[1])
    top = {name[:90]: round(ms, 2) for name, ms in ranked[:count]}
    return {"all": round(sum(spent.values()), 1), **top}


SIDES = {"ours": run_ours, "torchvision": run_torchvision}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sides", default="ours,torchvision")
    parser.add_argument("--runs", default="512x32,800x16", help="SIZExBATCH,...")
    parser.add_argument("--model", default="resnet50", help="resnet50, or a preset")
    parser.add_argument("--precision", default="mixed_bfloat16")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--worker", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""Several processes train one model: what they do, and what they leave, is one's.

`make test-hosts`; five trainings and two that end before, most of whose time
JAX compiles.
"""

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from image_shards import image_example, write_shard

from pipeline.training.task import Task
from schemas.config_json import to_json
from schemas.label_map import LabelMap
from trainer.augment.declaration import HorizontalFlip
from trainer.config import TrainerConfig
from trainer.input.config import InputConfig

ROOT = Path(__file__).parents[3]
PROGRAM = ROOT / "tests" / "trainer" / "programs" / "one_of_several.py"
STEPS, DEATH, LAST_SAVED = 20, 14, 12  # three steps per epoch
BOUND_S = 90.0
FAST_TO_COMPILE = (
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a process ended, with what error, and after how long."""

    status: int
    error: list[str]
    seconds: float
    folder: Path

    def weights(self):
        with np.load(self.folder / "weights.npz") as stored:
            return list(stored.values())

    def progress(self, step):
        (folder,) = self.folder.glob(f"checkpoints/*/step-{step:08d}")
        return json.loads((folder / "progress.json").read_text())


def write_examples(folder):
    colours = {"train": 11, "eval": 7}
    for split, count in colours.items():
        (folder / f"Split-{split}").mkdir(parents=True)
        examples = [
            image_example(f"{split}{i:02d}", boxes=[(4, 4, 24, 28)], shade=20 * i)
            for i in range(count)
        ]
        write_shard(folder / f"Split-{split}" / "images-00000-of-00001", examples)
    LabelMap(("bus", "cat")).to_file(folder / "label_map.txt")


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny_config):
    """Starts processes of one training together; how each ended, in their order."""
    folder = tmp_path_factory.mktemp("several")
    write_examples(folder / "examples")
    config = TrainerConfig(
        model=tiny_config,
        input=InputConfig(
            image_size=(64, 64),
            global_batch_size=4,
            max_boxes=4,
            augmentations=(HorizontalFlip(),),
        ),
        train_steps=STEPS,
        evaluate_every_epochs=2,
        tensorboard_images=2,
        doctor=False,
    )

    def start(name, strategy, death=0, seed=0, xla_flags="", **environment):
        output = folder / name
        output.mkdir(exist_ok=True)
        said = output / "error.json"
        said.unlink(missing_ok=True)
        task = Task(
            examples=str(folder / "examples"),
            output=str(output),
            config=to_json(dataclasses.replace(config, strategy=strategy, seed=seed)),
            quiet=True,
        )
        log = task.log(environment.get("JAX_PROCESS_ID", "0"))
        process = subprocess.Popen(
            [sys.executable, PROGRAM, to_json(task), said, log, str(death)],
            stdin=subprocess.PIPE,
            env={
                **{
                    k: v for k, v in os.environ.items() if k[:4] not in ("JAX_", "XLA_")
                },
                "PYTHONPATH": str(ROOT),
                "KERAS_BACKEND": "jax",
                # what is compiled is small, and runs for 20 steps
                "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
                "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
                "XLA_FLAGS": f"{FAST_TO_COMPILE} {xla_flags}",
                **environment,
            },
        )
        return process, output

    def end(process, output):
        began = time.monotonic()
        with process:  # closes its input, at which it would end by itself
            status = process.wait(timeout=400)
        said = output / "error.json"
        error = json.loads(said.read_text()) if said.exists() else []
        return Ended(status, error, time.monotonic() - began, output)

    def together(deaths=(0, 0), seeds=(0, 0)):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        processes = [
            start(
                f"process-{index}",
                "multi_host",
                death,
                seed,
                JAX_COORDINATOR_ADDRESS=address,
                JAX_NUM_PROCESSES="2",
                JAX_PROCESS_ID=str(index),
            )
            for index, (death, seed) in enumerate(zip(deaths, seeds, strict=True))
        ]
        last_first = [end(*each) for each in reversed(processes)]
        return last_first[::-1]

    def alone():
        flags = "--xla_force_host_platform_device_count=2"
        return end(*start("alone", "data_parallel", xla_flags=flags))

    return {
        "unlike": together(seeds=(0, 1)),
        "broken": together(deaths=(0, DEATH)),
        "resumed": together(),
        "again": together(),
        "one": alone(),
    }


def test_processes_of_other_seeds_are_all_refused(run):
    for ended in run["unlike"]:
        assert ended.error == [
            "UserError",
            "process 1 of 2 has another config, seed, data set or label map than "
            "process 0: start all of them on the same files with the same command",
        ]


def test_processes_that_find_their_model_are_done(run):
    for ended, before in zip(run["again"], run["resumed"], strict=True):
        assert (ended.status, ended.error) == (0, [])
        assert ended.seconds < before.seconds
    first, second = run["again"]
    assert (
        "same data, config and code: done" in (first.folder / "train-0.log").read_text()
    )
    assert not (second.folder / "model").exists()


def test_a_process_that_is_lost_ends_the_others_with_one_line(run):
    first, second = run["broken"]
    assert second.status == -signal.SIGKILL
    assert (first.status, first.error[0]) == (0, "UnavailableError")
    (line,) = first.error[1].splitlines()
    assert line.startswith("process 0 of 2 cannot go on: another one is gone (")
    assert line.endswith(
        "Start all 2 again with the same command; the training goes on from the last "
        f"checkpoint in {first.folder}/checkpoints"
    )
    assert first.seconds < BOUND_S


def test_the_training_goes_on_as_if_nothing_had_happened(run):
    assert [ended.status for ended in run["resumed"]] == [0, 0]
    first, second = run["resumed"]
    assert "going on at step 12 of 20" in (first.folder / "train-0.log").read_text()
    # losses, rates and mAP of every epoch, those before the death included
    one = run["one"]
    assert run["one"].status == 0
    rows, expected = first.progress(STEPS), one.progress(STEPS)
    assert len(rows["history"]) == 7
    assert rows["best_map"] == expected["best_map"]
    for row, other in zip(rows["history"], expected["history"], strict=True):
        assert row == pytest.approx(other, rel=1e-6)
    for ended in (first, second):
        for weight, other in zip(ended.weights(), one.weights(), strict=True):
            np.testing.assert_allclose(weight, other, rtol=1e-6, atol=1e-7)


def test_one_process_alone_writes(run):
    first, second = run["resumed"]
    there = sorted(path.name for path in second.folder.iterdir())
    assert there == ["train-1.log", "weights.npz"]
    there = {path.name for path in first.folder.iterdir()}
    assert there >= {"checkpoints", "model", "model_run", "train-0.log"}

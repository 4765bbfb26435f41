"""One model on all pictures: its detections, and what it takes to get them."""

import dataclasses
import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from components.evaluator.coco_combine import ScoredImage
from components.evaluator.image_columns import ImageColumns
from schemas import own_process
from schemas.detection_example import DetectionExample
from schemas.label_map import LabelMap


@dataclasses.dataclass(frozen=True)
class Cost:
    """Of one picture at a time, from its bytes to boxes; and of the whole process.

    Attributes:
      ms: least time of a picture, median over some pictures; `cpu_ms` of the CPU.
      memory_mib: the most that the process held, its libraries included.
    """

    ms: float
    cpu_ms: float
    memory_mib: float


@dataclasses.dataclass(frozen=True)
class Measured:
    """A model's answers, its size and its cost by number of threads."""

    columns: ImageColumns
    size_bytes: int
    costs: dict[int, Cost]


def measure(
    model: Path,
    examples: Sequence[DetectionExample],
    label_map: LabelMap,
    threads: Sequence[int],
) -> Measured:
    """Asks a SavedModel or an export, in a process for each number of threads.

    Raises RuntimeError with the last of what a process said, should it fail.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures = folder / "pictures"
        pictures.mkdir()
        for row, example in enumerate(examples):
            (pictures / f"{row:07d}").write_bytes(example.encoded_image)
        answers = folder / "answers.npz"
        costs = {count: _ask(model, pictures, answers, count) for count in threads}
        columns = _columns(answers, examples, label_map)
    return Measured(columns, size_bytes(model), costs)


def size_bytes(model: Path) -> int:
    """Of all files in the folder."""
    return sum(path.stat().st_size for path in model.rglob("*") if path.is_file())


def _ask(model: Path, pictures: Path, answers: Path, threads: int) -> Cost:
    done = subprocess.run(
        [
            *own_process.command("pipeline.export.ask"),
            *map(str, (model, pictures, answers, threads)),
        ],
        check=False,
        capture_output=True,
        text=True,
        env=own_process.environment(
            CUDA_VISIBLE_DEVICES="-1", OMP_NUM_THREADS=str(threads)
        ),
    )
    if done.returncode:
        raise RuntimeError(f"{model} does not answer:\n{done.stderr.strip()[-2000:]}")
    return Cost(**json.loads(done.stdout.strip().splitlines()[-1]))


def _columns(
    answers: Path, examples: Sequence[DetectionExample], label_map: LabelMap
) -> ImageColumns:
    with np.load(answers, allow_pickle=False) as found:
        ends = np.cumsum(found["counts"])[:-1]
        rows = zip(
            *(np.split(found[key], ends) for key in ("boxes", "scores", "classes")),
            strict=True,
        )
        images = [
            ScoredImage(
                image_id=example.image_id,
                # what was annotated in whole pixels is so again, as for the gate
                gt_boxes=np.round(example.boxes.astype(np.float64), 3),
                gt_classes=np.array(
                    [label_map.id_of(n) for n in example.class_names], np.int64
                ),
                gt_difficult=example.difficult,
                boxes=boxes,
                classes=classes,
                scores=scores,
            )
            for example, (boxes, scores, classes) in zip(examples, rows, strict=True)
        ]
    return ImageColumns.of_images(images)

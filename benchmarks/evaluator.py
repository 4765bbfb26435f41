"""What does the Evaluator's stage cost beyond what the models themselves take?

    git worktree add --detach ../before COMMIT
    python benchmarks/evaluator.py --against ../before

Images, objects and detections of the size and shape of VOC07 test with 20 classes, as
`metrics.py` has them, lie in records with as many bytes an image as VOC's. Candidate
and served model are SavedModels that know by heart what they find, so that next to
nothing is theirs. The stage is run whole, in a process of its own, in turns: this tree
and the one at `--against`. Two named slices, the bootstrap of 1,000 resamples, all of
TFMA. What both models take alone, in the same batches, is measured and taken off.

Prints seconds of each side, the least of `--rounds`, and the ratio; says whether the
metrics, the verdict and the kept detections of both sides are equal to the last bit.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parents[1]
IMAGES_PER_BATCH = 8  # components/evaluator/evaluation.py
DIGITS = 8
GATE = {
    "min_map": 0.0,
    "slices": [
        {"name": "small", "object_side": [0, 50], "max_drop": 0.1},
        {"name": "dark", "brightness": [0, 0.4], "min_map": 0.0},
    ],
}


def write_data(folder: Path, images: int, image_bytes: int) -> None:
    """Records, label map and both models."""
    from benchmarks.metrics_data import SetSize, make_set

    size = SetSize(images, 20, 3 * images, 100, 0.0)
    truth, found = (json.loads(p.read_text()) for p in make_set(size, folder / "json"))
    names = [category["name"] for category in truth["categories"]]
    write_records(folder / "examples", truth, names, image_bytes)
    rows = sorted(found, key=lambda row: (row["image_id"], -row["score"]))
    boxes = np.array([row["bbox"] for row in rows], np.float32).reshape(images, 100, 4)
    boxes[..., 2:] += boxes[..., :2]
    scores = np.array([row["score"] for row in rows], np.float32).reshape(images, 100)
    classes = np.array([row["category_id"] - 1 for row in rows]).reshape(images, 100)
    rng = np.random.default_rng(1)
    moved = boxes + rng.normal(0, 1.5, boxes.shape).astype(np.float32)
    write_model(folder / "candidate/Format-Serving", names, boxes, scores, classes)
    write_model(folder / "baseline/Format-Serving", names, moved, scores, classes)


def write_records(
    folder: Path, truth: dict[str, Any], names: list[str], image_bytes: int
) -> None:
    """One shard a thousand images; an image's bytes begin with its number."""
    import tensorflow as tf

    from schemas.detection_example import DetectionExample
    from schemas.label_map import LABEL_MAP_FILENAME, LabelMap
    from schemas.tf_example import encode_example

    (folder / "Split-eval").mkdir(parents=True)
    label_map = LabelMap(tuple(names))
    (folder / LABEL_MAP_FILENAME).write_text(label_map.to_text())
    objects: dict[int, list[dict[str, Any]]] = {i["id"]: [] for i in truth["images"]}
    for row in truth["annotations"]:
        objects[row["image_id"]].append(row)
    rng = np.random.default_rng(0)
    filling = rng.bytes(image_bytes)
    shards: dict[int, Any] = {}
    for number, image in enumerate(truth["images"]):
        if number // 1000 not in shards:
            path = folder / f"Split-eval/examples-{number // 1000:05}.gz"
            shards[number // 1000] = tf.io.TFRecordWriter(str(path), "GZIP")
        of_image = objects[image["id"]]
        boxes = np.array([row["bbox"] for row in of_image], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        flags = np.zeros(len(boxes), bool)
        example = DetectionExample(
            image_id=f"{number:06}",
            filename=image["file_name"],
            source_path=image["file_name"],
            encoded_image=f"{number:0{DIGITS}}".encode() + filling,
            image_format="jpeg",
            width=image["width"],
            height=image["height"],
            sha256=f"{number:064x}",
            boxes=boxes,
            class_names=tuple(names[row["category_id"] - 1] for row in of_image),
            difficult=rng.random(len(boxes)) < 0.05,
            truncated=flags,
            occluded=flags,
            poses=("",) * len(boxes),
            brightness=float(rng.random()),
        )
        shards[number // 1000].write(encode_example(example, label_map))
    for writer in shards.values():
        writer.close()


def write_model(
    folder: Path, names: list[str], boxes: Any, scores: Any, classes: Any
) -> None:
    """A SavedModel that looks up what it finds by the number in the image."""
    import tensorflow as tf

    from schemas import tf_example as keys

    class Canned(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.found = [tf.Variable(part) for part in (boxes, scores, classes)]
            self.names = tf.constant(names)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def __call__(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
            spec = {keys.ENCODED: tf.io.FixedLenFeature([], tf.string)}
            encoded = tf.io.parse_example(examples, spec)[keys.ENCODED]
            number = tf.strings.substr(encoded, 0, DIGITS)
            row = tf.strings.to_number(number, tf.int32)
            found = [part.sparse_read(row) for part in self.found]
            return {
                "boxes": found[0],
                "scores": found[1],
                "classes": tf.cast(found[2], tf.int32),
                "num_detections": tf.fill([tf.shape(row)[0]], boxes.shape[1]),
                "class_names": tf.gather(self.names, found[2]),
            }

    model = Canned()
    signatures = {
        name: model.__call__ for name in ("serving_default", "serving_tf_example")
    }
    tf.saved_model.save(model, str(folder), signatures=signatures)
    (folder / "assets.extra").mkdir()
    (folder / "assets.extra/label_map.txt").write_text("".join(f"{n}\n" for n in names))


def stage(folder: Path, output: Path, engine: Sequence[str]) -> None:
    """Runs the stage with the modules of this process; prints what it took.

    `engine` is `--runner` and each `--beam-arg`, as `voc-pipeline run` takes them.
    """
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from tfx.types import artifact_utils, standard_artifacts

    from components.baseline.component import IDENTITY_PROPERTY
    from components.evaluator.component import DetectionEvaluator

    model, baseline = standard_artifacts.Model(), standard_artifacts.Model()
    model.uri, baseline.uri = str(folder / "candidate"), str(folder / "baseline")
    baseline.set_string_custom_property(IDENTITY_PROPERTY, "1:abc")
    examples = standard_artifacts.Examples()
    examples.uri = str(folder / "examples")
    examples.split_names = artifact_utils.encode_split_names(["eval"])
    result = standard_artifacts.ModelEvaluation()
    blessing = standard_artifacts.ModelBlessing()
    result.uri, blessing.uri = str(output / "result"), str(output / "blessing")
    # As `local` of pipeline/beam/choice.py.
    told = ["--runner=FnApiRunner", "--sdk_container_image=none"]
    if engine:
        told = beam_arguments(engine)
    options = PipelineOptions(told)
    started, cpu = time.perf_counter(), time.process_time()
    DetectionEvaluator.test_call(
        examples=examples,
        model=model,
        baseline=baseline,
        evaluation_result=result,
        blessing=blessing,
        gate_config=json.dumps(GATE),
        source_digest="",
        beam_pipeline=beam.Pipeline(options=options),
    )
    sys.stdout.write(f"{time.perf_counter() - started} {time.process_time() - cpu}\n")


def beam_arguments(engine: Sequence[str]) -> list[str]:
    """What Beam is told of an engine; not of checkouts older than engines."""
    from pipeline.beam.choice import BeamConfig, pipeline_args
    from pipeline.cli import options

    parser = argparse.ArgumentParser()
    options.add_beam_arguments(parser)
    return pipeline_args(options.beam_config(parser.parse_args(engine), BeamConfig()))


def inference(folder: Path) -> None:
    """Asks both models about all records, as batched there; prints what it took."""
    import tensorflow as tf

    files = sorted(map(str, (folder / "examples/Split-eval").iterdir()))
    records = list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())
    models = [
        tf.saved_model.load(str(folder / name / "Format-Serving"))
        for name in ("candidate", "baseline")
    ]
    asked = [model.signatures["serving_tf_example"] for model in models]
    started, cpu = time.perf_counter(), time.process_time()
    for first in range(0, len(records), IMAGES_PER_BATCH):
        batch = tf.constant(records[first : first + IMAGES_PER_BATCH])
        for ask in asked:
            for value in ask(batch).values():
                value.numpy()
    sys.stdout.write(f"{time.perf_counter() - started} {time.process_time() - cpu}\n")


def timed(tree: Path, *arguments: str) -> np.ndarray:
    """Seconds and CPU seconds of a part of this program, with a tree's modules."""
    done = subprocess.run(
        [sys.executable, __file__, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(tree), "TF_CPP_MIN_LOG_LEVEL": "2"},
        cwd=tempfile.gettempdir(),
    )
    return np.array(done.stdout.split()[-2:], float)


def written(output: Path) -> dict[str, Any]:
    """What the stage left, for a comparison to the last bit."""
    with np.load(output / "result/judged.npz", allow_pickle=False) as file:
        kept = {name: file[name].tolist() for name in sorted(file)}
    texts = ("result/metrics.json", "result/score_thresholds.json")
    left = {name: (output / name).read_text() for name in texts}
    return left | kept | {"verdict": (output / "blessing/verdict.json").read_text()}


def main() -> None:
    """Reads the command line, writes the data, measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", type=Path, help="another checkout of this project")
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--image-bytes", type=int, default=85_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    args, engine = parser.parse_known_args()
    if args.part == "data":
        write_data(args.folder, args.images, args.image_bytes)
    elif args.part == "stage":
        stage(args.folder, args.output, engine)
    elif args.part == "inference":
        inference(args.folder)
    else:
        compare(args)


def compare(args: argparse.Namespace) -> None:
    """Prints both sides and the ratio."""
    sides = {"this tree": HERE}
    if args.against:
        sides[str(args.against)] = args.against.resolve()
    with tempfile.TemporaryDirectory() as place:
        data = ["--folder", f"{place}/data", "--images", str(args.images)]
        size = ["--image-bytes", str(args.image_bytes)]
        subprocess.run(
            [sys.executable, __file__, "--part", "data", *data, *size],
            check=True,
            env={**os.environ, "PYTHONPATH": str(HERE), "TF_CPP_MIN_LOG_LEVEL": "2"},
        )
        models = timed(HERE, "--part", "inference", *data)
        print_line("both models alone", models)
        beyond = {}
        for turn in range(args.rounds):
            for name, tree in sides.items():
                output = Path(place, f"{turn}", name.replace("/", "_"))
                took = timed(tree, "--part", "stage", *data, "--output", str(output))
                print_line(f"{name}, the whole stage", took)
                beyond[name] = np.minimum(beyond.get(name, np.inf), took - models)
        for name, least in beyond.items():
            print_line(f"{name}, beyond the models", least)
        if args.against:
            ours, other = beyond.values()
            print_line("ours / other", ours / other, unit="")
            left = [written(folder) for folder in sorted(Path(place, "0").iterdir())]
            equal = "equal" if left[0] == left[1] else "NOT EQUAL"
            sys.stdout.write(f"numbers, verdict, detections: {equal}\n")


def print_line(what: str, took: np.ndarray, unit: str = "s") -> None:
    """Seconds and CPU seconds, or the ratios of both."""
    sys.stdout.write(f"{what:44s} {took[0]:8.2f} {unit} {took[1]:8.2f} CPU-{unit}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

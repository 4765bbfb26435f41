"""One model, one split, one mAP: in training, by TFMA, by `score`, from what serves."""

import dataclasses
import json
import types

import numpy as np
import pytest
from PIL import Image

from pipeline.__main__ import main

WIDTH, HEIGHT = 96, 72
TURNED = "v_turned"  # stored lying, to be seen standing; boxes in stored pixels
COLORS = {"blue": (40, 60, 230), "red": (220, 50, 50)}


def a_box(random, low, high):
    width, height = random.integers(low, high, 2)
    left = int(random.integers(0, WIDTH - width))
    top = int(random.integers(0, HEIGHT - height))
    return left, top, left + int(width), top + int(height)


def scenes():
    """Name -> boxes with class and difficult flag; those of v... are evaluated."""
    random = np.random.default_rng(0)

    def some(count, low=20, high=50, difficult=0):
        names = random.choice(sorted(COLORS), count)
        return [
            (*a_box(random, low, high), str(name), number < difficult)
            for number, name in enumerate(names)
        ]

    training = {f"t{number}": some(3) for number in range(12)}
    return training | {
        "v_crowd": some(110, 6, 12),  # more than max_boxes, more than detections
        "v_difficult": some(4, difficult=2),
        "v_empty": [],
        "v_plain": some(3),
        "v_plain_too": some(2),
        "v_tiny": some(3, 2, 4) + some(2),
        TURNED: some(3),
    }


def write_voc(folder):
    for name in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    names = {"train": [], "val": []}
    for name, objects in scenes().items():
        pixels = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
        rows = []
        for left, top, right, bottom, label, difficult in objects:
            pixels[top:bottom, left:right] = COLORS[label]
            # VOC counts pixels from 1 and includes the last one
            rows.append(
                f"<object><name>{label}</name><difficult>{int(difficult)}</difficult>"
                f"<bndbox><xmin>{left + 1}</xmin><ymin>{top + 1}</ymin>"
                f"<xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
            )
        exif = Image.Exif()
        exif[0x0112] = 6 if name == TURNED else 1
        path = folder / "JPEGImages" / f"{name}.jpg"
        Image.fromarray(pixels).save(path, quality=92, exif=exif)
        (folder / "Annotations" / f"{name}.xml").write_text(
            f"<annotation><filename>{name}.jpg</filename><size><width>{WIDTH}</width>"
            f"<height>{HEIGHT}</height><depth>3</depth></size>{''.join(rows)}"
            "</annotation>"
        )
        names["train" if name.startswith("t") else "val"].append(name)
    for split, members in names.items():
        text = "\n".join(members) + "\n"
        (folder / "ImageSets" / "Main" / f"{split}.txt").write_text(text)


def trained(folder, examples):
    """The exported model, and the mAP of the training's last evaluation."""
    from pipeline.presets import cpu_scratch
    from schemas.config_json import to_json
    from trainer.run_fn import run_fn

    small = cpu_scratch().trainer
    schedule = dataclasses.replace(small.optimizer.schedule, peak=1e-2)
    config = dataclasses.replace(
        small,
        input=dataclasses.replace(
            small.input,
            image_size=(96, 128),  # letterboxed: scaled by 4/3
            global_batch_size=4,
            max_boxes=5,
            augmentations=(),
        ),
        optimizer=dataclasses.replace(small.optimizer, schedule=schedule),
        train_steps=120,
        num_epochs=0,
        evaluate_every_epochs=1000,  # so the last evaluation is the only one
        doctor=False,
    )
    run_fn(
        types.SimpleNamespace(
            custom_config={
                "trainer_config": to_json(config),
                "checkpoint_dir": str(folder / "checkpoints"),
            },
            train_steps=None,
            hyperparameters=None,
            train_files=[str(examples / "Split-train" / "*")],
            eval_files=[str(examples / "Split-eval" / "*")],
            transform_graph_path="",
            serving_model_dir=str(folder / "served"),
            model_run_dir=str(folder / "run"),
        )
    )
    (best,) = (folder / "checkpoints").glob("best-*")
    return json.loads((best / "progress.json").read_text())["best_map"]


def by_tfma(folder, examples):
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from tfx import (
        v1 as _tfx,  # noqa: F401  before TFMA: it completes older TFDV releases
    )

    from components.evaluator.evaluation import CANDIDATE, EvaluateSplit, read_result

    options = PipelineOptions(["--runner=FnApiRunner"])
    with beam.Pipeline(options=options) as pipeline:
        _ = pipeline | EvaluateSplit(
            file_pattern=str(examples / "Split-eval" / "*"),
            candidate_path=str(folder / "served"),
            baseline_path="",
            class_names=sorted(COLORS),
            difficult="ignore",
            output_path=str(folder / "tfma"),
        )
    found = read_result(str(folder / "tfma"), sorted(COLORS), compared=False)
    return found.metrics[CANDIDATE]["AP"]


def results_of(found, names):
    """What a signature found in these images, as COCO results."""
    found = {name: np.asarray(value) for name, value in found.items()}
    results = []
    for row, name in enumerate(names):
        for place in range(found["num_detections"][row]):
            x0, y0, x1, y1 = map(float, found["boxes"][row, place])
            label = found["class_names"][row, place].decode()
            results.append(
                {
                    "image_id": name,
                    "category_id": sorted(COLORS).index(label) + 1,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "score": float(found["scores"][row, place]),
                }
            )
    return results


def served(folder, data, examples):
    """Signature -> COCO results for the evaluated images."""
    import tensorflow as tf

    from schemas import tf_example

    names = (data / "ImageSets/Main/val.txt").read_text().split()
    files = [(data / "JPEGImages" / f"{name}.jpg").read_bytes() for name in names]
    shards = tf.data.TFRecordDataset(tf.io.gfile.glob(f"{examples}/Split-eval/*"))
    records = [record.numpy() for record in shards]
    ids = [
        tf.train.Example.FromString(record)
        .features.feature[tf_example.IMAGE_ID]
        .bytes_list.value[0]
        .decode()
        for record in records
    ]
    ask = tf.saved_model.load(str(folder / "served")).signatures
    decoded = [np.asarray(tf.io.decode_jpeg(file, channels=3)) for file in files]
    return {
        "serving_default": results_of(
            ask["serving_default"](image_bytes=tf.constant(files)), names
        ),
        "serving_images": [
            result
            for name, pixels in zip(names, decoded, strict=True)
            for result in of_pixels(ask["serving_images"], name, pixels)
        ],
        "serving_tf_example": results_of(
            ask["serving_tf_example"](examples=tf.constant(records)),
            [image_id.rpartition("/")[2].removesuffix(".jpg") for image_id in ids],
        ),
    }


def of_pixels(ask, name, pixels):
    """Results in stored pixels of a picture that is shown as it is to be seen."""
    if name != TURNED:
        return results_of(ask(images=pixels[None]), [name])
    results = results_of(ask(images=np.rot90(pixels, -1)[None].copy()), [name])
    for result in results:  # clockwise: x = height - y, y = x
        left, top, width, height = result["bbox"]
        result["bbox"] = [top, HEIGHT - left - width, height, width]
    return results


def test_one_model_has_one_map_everywhere(tmp_path, capsys):
    data, examples = tmp_path / "data", tmp_path / "ingested"
    write_voc(data)
    ingest = ["ingest", str(data), "--output", str(examples)]
    assert main(ingest) == 0
    in_training = trained(tmp_path, examples)
    assert 0.01 < in_training < 0.98  # or the test would show nothing
    assert by_tfma(tmp_path, examples) == pytest.approx(in_training, abs=1e-6)
    for signature, results in served(tmp_path, data, examples).items():
        path = tmp_path / f"{signature}.json"
        path.write_text(json.dumps(results))
        capsys.readouterr()
        options = ["--detections", str(path), "--image-set", "val", "--json"]
        assert main(["score", "--ground-truth", str(data), *options]) == 0
        scored = json.loads(capsys.readouterr().out)
        assert scored["images"] == 7
        assert scored["AP"] == pytest.approx(in_training, abs=1e-6), signature

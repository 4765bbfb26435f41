"""How many planted label errors stand first in the list of priced labels?

    .venv/bin/python benchmarks/labels.py runs/demo

draws 240 images that the demo's model never saw, plants 60 errors in their annotations,
15 of each kind, and asks for suspicious labels: ranked by price, and, beside it, the
false alarms ranked by their score alone. `make demo` makes that model.

    .venv/bin/python benchmarks/labels.py runs/bccd --data BCCD --image-sets test

plants them in a copy of image sets of a VOC folder, of which the model saw no image.
With `--folds 3` these may be images that it learned from, as `voc-pipeline labels` has
it: three models trained as it was, each asked about what it did not see.
"""

import argparse
import pathlib
import random
import shutil
import tempfile
import xml.etree.ElementTree as ET

from pipeline.__main__ import main as voc_pipeline
from pipeline.evaluation.evaluate import measure
from pipeline.evaluation.examples import examples_of
from pipeline.label_prices.folds import measure_in_folds, recipe_of
from pipeline.prediction.version_path import version_path
from trainer.metrics.assignment import assign
from trainer.metrics.label_prices import (
    BOX,
    CLASS,
    DUPLICATE,
    LABEL_KINDS,
    OVERLOOKED,
    box_iou,
    priced_labels,
)

PLANTED = 60
SAME_PLACE_IOU = 0.5


def sides(item):
    box = item.find("bndbox")
    return [int(box.find(name).text) for name in ("xmin", "ymin", "xmax", "ymax")]


def set_sides(item, values):
    box = item.find("bndbox")
    for name, value in zip(("xmin", "ymin", "xmax", "ymax"), values, strict=True):
        box.find(name).text = str(int(value))


def plant(data, seed, classes):
    """Spoils labels; returns (image, kind, the true box, the box as it is now)."""
    chance = random.Random(seed)
    paths = sorted((data / "Annotations").glob("*.xml"))
    trees = {path: ET.parse(path) for path in paths}
    places = [
        (path, number)
        for path, tree in trees.items()
        for number, item in enumerate(tree.getroot().findall("object"))
        if item.find("difficult").text == "0"
    ]
    planted, gone = [], []
    for turn, (path, number) in enumerate(chance.sample(places, PLANTED)):
        kind = LABEL_KINDS[turn % len(LABEL_KINDS)]
        root = trees[path].getroot()
        item = root.findall("object")[number]
        true = sides(item)
        if kind == OVERLOOKED:
            gone.append((root, item))
        elif kind == CLASS:
            name = item.find("name")
            name.text = chance.choice([c for c in classes if c != name.text])
        elif kind == BOX:
            set_sides(item, badly_drawn(true, sides_of(root), chance))
        else:
            root.append(twin := ET.fromstring(ET.tostring(item)))
            set_sides(twin, [s + o for s, o in zip(true, (1, 2, -1, -2), strict=True)])
        planted.append((path.stem, kind, true, sides(item)))
    for root, item in gone:
        root.remove(item)
    for path, tree in trees.items():
        tree.write(path)
    return planted


def drawn(folder, seed):
    """Draws the sample data; returns its folder."""
    options = ["--images", "240", "--seed", str(1000 + seed), "--quiet"]
    voc_pipeline(["sample-data", str(folder), *options])
    return folder


def copy_of(data, image_sets, folder):
    """The images of some sets of a VOC folder, and their annotations; no sets."""
    lists = [data / "ImageSets" / "Main" / f"{name}.txt" for name in image_sets]
    names = {line.split()[0] for path in lists for line in path.open() if line.strip()}
    for part in ("Annotations", "JPEGImages"):
        (folder / part).mkdir(parents=True)
        for path in (data / part).iterdir():
            if path.stem in names:
                shutil.copy(path, folder / part)
    return folder


def class_names(data):
    paths = (data / "Annotations").glob("*.xml")
    return sorted({e.text for p in paths for e in ET.parse(p).iterfind("object/name")})


def sides_of(root):
    return [int(root.find(f"size/{name}").text) for name in ("width", "height")]


def badly_drawn(box, size, chance):
    """Every side off by .1 to .3 of the box, in or out, inside the image."""
    width, height = box[2] - box[0], box[3] - box[1]
    moved = [
        side + chance.choice((-1, 1)) * chance.uniform(0.1, 0.3) * length
        for side, length in zip(box, (width, height, width, height), strict=True)
    ]
    limits = (*size, *size)
    return [max(1, min(x, limit)) for x, limit in zip(moved, limits, strict=True)]


def xywh(box):
    return (box[0] - 1, box[1] - 1, box[2] - box[0] + 1, box[3] - box[1] + 1)


def met(image, box, planted, open_errors):
    """Index of the planted error at this place; None where there is none left."""
    for index in open_errors:
        name, _, true, now = planted[index]
        places = (xywh(true), xywh(now))
        if name == image and any(box_iou(box, p) >= SAME_PLACE_IOU for p in places):
            return index
    return None


def tally(ranked, planted):
    """Right by kind among the first PLANTED of [(image, box, kind)]."""
    open_errors = list(range(len(planted)))
    right = dict.fromkeys(LABEL_KINDS, 0)
    named = 0
    for image, box, kind in ranked[:PLANTED]:
        index = met(image, box, planted, open_errors)
        if index is not None:
            open_errors.remove(index)
            right[planted[index][1]] += 1
            named += planted[index][1] == kind
    return right, named


def by_score(found):
    """The plain ranking: false alarms by score."""
    columns = found.columns
    assignment = assign(
        columns.ground_truths(),
        columns.detections(),
        num_classes=len(found.class_names),
    )
    alarms = assignment.detections.take(assignment.miss)
    return [
        (str(columns.image_ids[image]), tuple(box), "")
        for image, box in zip(alarms.image, alarms.boxes_xywh.tolist(), strict=True)
    ]


def by_price(found):
    columns = found.columns
    ranked = priced_labels(
        columns.ground_truths(),
        columns.detections(),
        num_classes=len(found.class_names),
    )
    return [
        (str(columns.image_ids[one.image]), one.box_xywh, one.kind) for one in ranked
    ]


def judged(model, examples, folds, work):
    if not folds:
        return measure(model, examples, "ignore", work)
    return measure_in_folds(recipe_of(model, 0), examples, folds, work)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    help_text = "a run's root, or a version of a model"
    parser.add_argument("model", nargs="?", default="runs/demo", help=help_text)
    parser.add_argument("--data", type=pathlib.Path, help="a VOC folder")
    parser.add_argument("--image-sets", nargs="+", default=["test"])
    # 0 to 2 were looked at while the ranking was made.
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 4, 5])
    parser.add_argument("--folds", type=int, default=0)
    args = parser.parse_args()
    kinds = "".join(f"{kind:>12}" for kind in (OVERLOOKED, CLASS, BOX, DUPLICATE))
    print(f"seed  {'ranked by':<10}{'precision':>10}{'recall':>8}{kinds}  kind named")
    for seed in args.seeds:
        with tempfile.TemporaryDirectory() as work:
            data = pathlib.Path(work, "data")
            if args.data:
                copy_of(args.data, args.image_sets, data)
            else:
                drawn(data, seed)
            planted = plant(data, seed, class_names(data))
            examples = examples_of(str(data), "", work)
            found = judged(version_path(args.model), examples, args.folds, work)
            for name, ranked in (
                ("price", by_price(found)),
                ("score", by_score(found)),
            ):
                right, named = tally(ranked, planted)
                total = sum(right.values())
                shown = min(len(ranked), PLANTED)
                counts = "".join(f"{right[kind]:>9}/15" for kind in LABEL_KINDS)
                print(
                    f"{seed:>4}  {name:<10}{total / max(shown, 1):>10.2f}"
                    f"{total / PLANTED:>8.2f}{counts}  {named}",
                    flush=True,
                )


if __name__ == "__main__":
    main()

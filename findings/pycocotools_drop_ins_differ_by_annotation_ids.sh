#!/usr/bin/env bash
# The ids of annotations, which nobody reads, decide AP; and replacements of pycocotools
# that give "the same numbers" give others for two kinds of ids that converters write:
# counted from 0, and counted anew in each image.
#
# pycocotools notes a match by the id of the object, and 0 stands for no match: the object
# with id 0 is never found. Objects that share an id share one entry, too, that of the last
# of them. faster-coco-eval counts as pycocotools does (and warns of a 0);
# ultrafast-pycocotools counts the object 0, as hotcoco does; hotcoco alone counts more of
# the objects that share an id, while its warning says that pycocotools does the same.
#
# AP50 of one detection file, five boxes, four of which are right, for the same four
# objects under three numberings.
# Seen with pycocotools 2.0.11, faster-coco-eval 1.8.0, ultrafast-pycocotools 0.1.14,
# hotcoco 1.3.0, Python 3.11:
#   ids      pycocotools  faster-coco-eval  ultrafast-pycocotools  hotcoco
#   1 2 3 4  0.8515 0.8515 0.8515 0.8515
#   0 1 2 3  0.4515 0.4515 0.8515 0.8515
#   1 2 1 2  0.2020 0.2020 0.2020 0.5545
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet pycocotools==2.0.11 faster-coco-eval==1.8.0 \
  ultrafast-pycocotools==0.1.14 hotcoco==1.3.0
cat > "$place/run.py" <<'PYTHON'
import contextlib, io, json, pathlib, sys

import faster_coco_eval
import hotcoco
import pycocotools.coco, pycocotools.cocoeval
import ultrafast_pycocotools.coco, ultrafast_pycocotools.cocoeval

ENGINES = (
    (pycocotools.coco.COCO, pycocotools.cocoeval.COCOeval),
    (faster_coco_eval.COCO, faster_coco_eval.COCOeval_faster),
    (ultrafast_pycocotools.coco.COCO, ultrafast_pycocotools.cocoeval.COCOeval),
    (hotcoco.COCO, hotcoco.COCOeval),
)
OBJECTS = ((1, 10), (1, 110), (2, 10), (2, 210))  # image, left side
FOUND = ((1, 10, 0.9), (1, 310, 0.85), (1, 110, 0.8), (2, 10, 0.7), (2, 210, 0.6))
truth, results = (pathlib.Path(sys.argv[1]) / name for name in ("truth.json", "results.json"))
results.write_text(json.dumps([
    {"image_id": image, "category_id": 1, "bbox": [left, 10, 50, 50], "score": score}
    for image, left, score in FOUND]))


def write_truth(ids):
    truth.write_text(json.dumps({
        "images": [{"id": image, "file_name": f"{image}.jpg", "width": 400, "height": 100}
                   for image in (1, 2)],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": number, "image_id": image, "category_id": 1, "bbox": [left, 10, 50, 50],
             "area": 2500, "iscrowd": 0}
            for number, (image, left) in zip(ids, OBJECTS, strict=True)]}))


def ap50(read, evaluate):
    with contextlib.redirect_stdout(io.StringIO()):
        objects = read(str(truth))
        evaluation = evaluate(objects, objects.loadRes(str(results)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return f"{evaluation.stats[1]:.4f}"


for ids in ((1, 2, 3, 4), (0, 1, 2, 3), (1, 2, 1, 2)):
    write_truth(ids)
    print(*ids, "", *(ap50(*engine) for engine in ENGINES))
PYTHON
seen=$("$place/venv/bin/python" "$place/run.py" "$place" 2> "$place/log") || { cat "$place/log" >&2; exit 1; }
echo "$seen"
[ "$seen" = "1 2 3 4  0.8515 0.8515 0.8515 0.8515
0 1 2 3  0.4515 0.4515 0.8515 0.8515
1 2 1 2  0.2020 0.2020 0.2020 0.5545" ] || { echo "this has changed" >&2; exit 1; }

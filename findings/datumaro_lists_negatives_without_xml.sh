#!/usr/bin/env bash
# datumaro's Pascal VOC export lists an image without objects in its image set and writes
# no XML for it: a reader that asks every listed image for its XML loses the negatives, or
# takes every image whose XML was lost for a negative.
#
# Two images in one subset, one with a box, one with none.
# Seen with datumaro 1.10.0, Python 3.11 (it installs 1.5 GB):
#   listed dog empty
#   JPEGImages dog.jpg empty.jpg
#   Annotations dog.xml
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet datumaro==1.10.0
cat > "$place/run.py" <<'PYTHON'
import pathlib, sys

import datumaro as dm
import numpy as np

place = pathlib.Path(sys.argv[1]) / "voc"
picture = dm.Image.from_numpy(data=np.zeros((80, 100, 3), np.uint8))
items = [
    dm.DatasetItem("dog", subset="train", media=picture,
                   annotations=[dm.Bbox(10, 12, 50, 58, label=0)]),
    dm.DatasetItem("empty", subset="train", media=picture, annotations=[]),
]
data = dm.Dataset.from_iterable(items, categories=["dog"])
data.export(str(place), "voc_detection", save_media=True)
print("listed", *sorted((place / "ImageSets/Main/train.txt").read_text().split()))
for folder in ("JPEGImages", "Annotations"):
    print(folder, *sorted(path.name for path in (place / folder).iterdir()))
PYTHON
seen=$("$place/venv/bin/python" "$place/run.py" "$place" 2>/dev/null)
echo "$seen"
[ "$seen" = "listed dog empty
JPEGImages dog.jpg empty.jpg
Annotations dog.xml" ] || { echo "this has changed" >&2; exit 1; }

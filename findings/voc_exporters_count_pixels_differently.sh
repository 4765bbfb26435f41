#!/usr/bin/env bash
# Three exporters of Pascal VOC, one box, two ways to count pixels.
#
# The box covers the pixels 10 to 59 across and 12 to 69 down, counted from 0. VOC's own
# convention counts from 1 and includes the last pixel: 11, 13, 60, 70. supervision
# writes that; globox and labelformat write the 0-based half-open 10, 12, 60, 70 under the
# same tags, so that a reader of VOC moves two sides of each box by a pixel.
# Seen with supervision 0.31.2, globox 2.9.0, labelformat 0.1.17, Python 3.11:
#   globox       10.0 12.0 60.0 70.0
#   labelformat  10.0 12.0 60.0 70.0
#   supervision  11 13 60 70
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet supervision==0.31.2 globox==2.9.0 labelformat==0.1.17
cat > "$place/run.py" <<'PYTHON'
import json, os, pathlib, subprocess, sys
from xml.etree import ElementTree

from PIL import Image

place = pathlib.Path(sys.argv[1])
(place / "images").mkdir()
Image.new("RGB", (100, 80)).save(place / "images/a.png")
x, y, width, height = 10, 12, 50, 58
annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [x, y, width, height],
              "area": width * height, "iscrowd": 0}
image = {"id": 1, "file_name": "a.png", "width": 100, "height": 80}
coco = {"images": [image], "categories": [{"id": 1, "name": "cat"}],
        "annotations": [annotation]}
source = place / "coco.json"
source.write_text(json.dumps(coco))

import globox
import supervision

globox.AnnotationSet.from_coco(source).save_pascal_voc(place / "globox")
tool = pathlib.Path(sys.executable).with_name("labelformat")
subprocess.run(
    [tool, "convert", "--task", "object-detection", "--input-format", "coco",
     "--input-file", source, "--output-format", "pascalvoc",
     "--output-folder", place / "labelformat"],
    check=True, stdout=subprocess.DEVNULL)
data = supervision.DetectionDataset.from_coco(str(place / "images"), str(source))
data.as_pascal_voc(annotations_directory_path=str(place / "supervision"))
for name in ("globox", "labelformat", "supervision"):
    (path,) = (place / name).rglob("*.xml")
    box = ElementTree.parse(path).find("object/bndbox")
    print(name, *(box.findtext(side) for side in ("xmin", "ymin", "xmax", "ymax")))
PYTHON
seen=$("$place/venv/bin/python" "$place/run.py" "$place" 2>/dev/null)
echo "$seen"
[ "$seen" = "globox 10.0 12.0 60.0 70.0
labelformat 10.0 12.0 60.0 70.0
supervision 11 13 60 70" ] || { echo "this has changed" >&2; exit 1; }

#!/usr/bin/env bash
# Label Studio's Pascal VOC export leaves the rotation of a box out, and writes the sides
# of the box before it was turned: no reader can tell where the object lies.
#
# A rectangle of 20 x 20 pixels with its corner at (40, 20), turned by 45 degrees about
# that corner, covers x 25.9 to 54.1 and y 20.0 to 48.3.
# Seen with label-studio-sdk 2.1.2, Python 3.11: 40 20 60 40, and no word of a rotation.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet label-studio-sdk==2.1.2
cat > "$place/run.py" <<'PYTHON'
import json, os, pathlib, sys
from xml.etree import ElementTree

from label_studio_sdk.converter import Converter
from PIL import Image

place = pathlib.Path(sys.argv[1])
os.chdir(place)
pathlib.Path("images").mkdir()
Image.new("RGB", (100, 80)).save("images/a.png")
config = """<View><Image name="image" value="$image"/>
<RectangleLabels name="label" toName="image"><Label value="cat"/></RectangleLabels></View>"""
# positions and sizes are percentages of the image's
value = {"x": 40, "y": 25, "width": 20, "height": 25, "rotation": 45,
         "rectanglelabels": ["cat"]}
result = {"id": "1", "type": "rectanglelabels", "from_name": "label",
          "to_name": "image", "original_width": 100, "original_height": 80,
          "value": value}
task = {"id": 1, "data": {"image": "/data/upload/a.png"},
        "annotations": [{"id": 1, "result": [result]}]}
pathlib.Path("tasks.json").write_text(json.dumps([task]))
Converter(config, str(place), download_resources=False).convert_to_voc(
    "tasks.json", "voc", is_dir=False, output_image_dir="images")
path = pathlib.Path("voc/Annotations/a.xml")
box = ElementTree.parse(path).find("object/bndbox")
print(*(box.findtext(side) for side in ("xmin", "ymin", "xmax", "ymax")))
print("rotation is named:", "rotation" in path.read_text())
PYTHON
seen=$("$place/venv/bin/python" "$place/run.py" "$place" 2>/dev/null)
echo "$seen"
[ "$seen" = "40 20 60 40
rotation is named: False" ] || { echo "this has changed" >&2; exit 1; }

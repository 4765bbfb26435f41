#!/usr/bin/env bash
# The package `tfrecord` (reads TFRecords without TensorFlow, for PyTorch) gives a bytes
# feature another kind of value by its length: a NumPy array for two names of objects, but
# the bytes themselves for one (since its issue 102 was mended, before which there was
# only the first name), so that an image of one cat has 3 names, 99, 97 and 116. Numbers
# stay arrays. In an array of bytes the zeros at the end of each value are lost, as of masks
# that are packed into bytes. And the checksums of the file are not read: a bit that flips
# in a coordinate gives another box, where TensorFlow's reader stops with DataLossError.
#
# Three images of 0, 1 and 2 objects, written by the package itself: number of `xmin` and of
# `name`; two values of 3 bytes, read back; and xmin of one object after a bit has flipped.
# Seen with tfrecord 1.14.6, numpy 2.4.6, Python 3.11:
#   objects 0: xmin 0, name 0
#   objects 1: xmin 1, name 3
#   objects 2: xmin 2, name 2
#   values of 3 bytes, read: 3 1
#   0.5 after a bit has flipped: 1.0
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet tfrecord==1.14.6 numpy==2.4.6
cat > "$place/run.py" <<'PYTHON'
import pathlib, struct, sys

from tfrecord.reader import tfrecord_loader
from tfrecord.writer import TFRecordWriter

path = f"{sys.argv[1]}/data.tfrecord"
FEATURES = {"xmin": "float", "name": "byte"}


def write(*examples):
    writer = TFRecordWriter(path)
    for example in examples:
        writer.write({name: (values, FEATURES[name]) for name, values in example.items()})
    writer.close()


def read():
    return list(tfrecord_loader(path, None, FEATURES))


write({"xmin": [], "name": []}, {"xmin": [0.5], "name": [b"cat"]},
      {"xmin": [0.5, 0.5], "name": [b"cat", b"dog"]})
for count, example in enumerate(read()):
    print(f"objects {count}: xmin {len(example['xmin'])}, name {len(example['name'])}")

write({"xmin": [], "name": [b"\1\2\3", b"\1\0\0"]})
print("values of 3 bytes, read:", *(len(value) for value in read()[0]["name"]))

write({"xmin": [0.5], "name": []})
data = bytearray(pathlib.Path(path).read_bytes())
place = data.index(struct.pack("<f", 0.5))
data[place + 2] ^= 0x80
pathlib.Path(path).write_bytes(data)
print("0.5 after a bit has flipped:", read()[0]["xmin"][0])
PYTHON
seen=$("$place/venv/bin/python" "$place/run.py" "$place" 2> "$place/log") || { cat "$place/log" >&2; exit 1; }
echo "$seen"
[ "$seen" = "objects 0: xmin 0, name 0
objects 1: xmin 1, name 3
objects 2: xmin 2, name 2
values of 3 bytes, read: 3 1
0.5 after a bit has flipped: 1.0" ] ||
  { echo "this has changed" >&2; exit 1; }

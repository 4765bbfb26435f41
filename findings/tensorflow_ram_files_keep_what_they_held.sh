#!/usr/bin/env bash
# tensorflow 2.21.0: a file under ram:// that is written again keeps what it held before.
#
# tf.io.gfile.GFile(path, "w") and tf.io.gfile.copy(..., overwrite=True) empty an existing
# file on a disk; under ram://, which tests take for a store, they append to it. So a
# second save of a checkpoint or a JSON file there is the first one and the second one in
# a row: what reads it back fails, or reads the old state.
#
# Seen: after writing "first" and then "second": disk "second", ram:// "firstsecond"; the
# same after two copies. Fails if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet tensorflow-cpu==2.21.0
cat > "$work/look.py" <<'PY'
import sys

import tensorflow as tf

work = sys.argv[1]


def written_twice(path):
    for text in ("first", "second"):
        with tf.io.gfile.GFile(path, "w") as file:
            file.write(text)
    return tf.io.gfile.GFile(path).read()


def copied_twice(path):
    for text in ("first", "second"):
        with open(f"{work}/source", "w") as file:
            file.write(text)
        tf.io.gfile.copy(f"{work}/source", path, overwrite=True)
    return tf.io.gfile.GFile(path).read()


tf.io.gfile.makedirs("ram://folder")
seen = {
    "disk, written": written_twice(f"{work}/a"),
    "disk, copied": copied_twice(f"{work}/b"),
    "ram, written": written_twice("ram://folder/a"),
    "ram, copied": copied_twice("ram://folder/b"),
}
print(tf.__version__, seen)
assert seen == {
    "disk, written": "second",
    "disk, copied": "second",
    "ram, written": "firstsecond",
    "ram, copied": "firstsecond",
}
PY
TF_CPP_MIN_LOG_LEVEL=3 "$work/venv/bin/python" "$work/look.py" "$work" 2>/dev/null

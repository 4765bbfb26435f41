#!/usr/bin/env bash
# tensorflow-cpu 2.21.0: a loaded SavedModel's signature that is called by position first
# writes its whole input out as text.
#
# `signature(examples)` works, and gives what `signature(examples=examples)` gives. But
# the call is tried by keywords first; the error of that try quotes the arguments, and is
# then caught. A tensor of encoded images is quoted byte by byte: of two images of 1 MB
# the text has 4 MB or more. TensorFlow Model Analysis 0.52 calls signatures so, once a
# batch.
#
# Seen, characters written per call: by position over 2 million, by name 0. Fails if that
# changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet tensorflow-cpu==2.21.0
cat > "$work/look.py" <<'PY'
import os
import sys

import tensorflow as tf


class Lengths(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples):
        return {"bytes": tf.strings.length(examples)}


folder = os.path.join(sys.argv[1], "model")
module = Lengths()
tf.saved_model.save(module, folder, signatures={"serving_default": module.serve})
signature = tf.saved_model.load(folder).signatures["serving_default"]
images = tf.constant([os.urandom(1_000_000), os.urandom(1_000_000)])
written = []
as_text = type(images).__repr__


def counted(tensor):
    text = as_text(tensor)
    written.append(len(text))
    return text


type(images).__repr__ = counted
by_name = signature(examples=images)["bytes"].numpy().tolist()
name_wrote = sum(written)
by_position = signature(images)["bytes"].numpy().tolist()
position_wrote = sum(written) - name_wrote
print(tf.__version__, "characters written by name", name_wrote, "by position", position_wrote)
assert by_name == by_position == [1_000_000, 1_000_000]
assert name_wrote == 0
assert position_wrote > 2_000_000
PY
TF_CPP_MIN_LOG_LEVEL=3 "$work/venv/bin/python" "$work/look.py" "$work" 2>/dev/null

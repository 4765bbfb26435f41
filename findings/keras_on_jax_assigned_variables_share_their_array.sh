#!/usr/bin/env bash
# keras 3.15.1 on jax 0.10.2: a variable that is assigned another variable shares its
# array, and training one model deletes it for the other.
#
# Under TensorFlow `a.assign(b)` copies. On JAX both then hold one jax.Array.
# `fit` with a compiled step gives the arrays of what it trains away to the step
# (donation), so after one step of the copy the original cannot be read any more:
# RuntimeError, "Array has been deleted". With numpy in between (`set_weights` of
# `get_weights`) it can.
#
# Seen: assigned, the original's weights are deleted; by numpy they are as they were.
# Fails if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet keras==3.15.1 jax==0.10.2
cat > "$work/look.py" <<'PY'
import jax
import keras
import numpy as np


def model():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])


def trained_copy(copy_weights):
    original, copy = model(), model()
    before = [np.array(value) for value in original.get_weights()]
    copy_weights(original, copy)
    copy.compile(optimizer="sgd", loss="mse", jit_compile=True)
    copy.fit(np.ones((4, 3)), np.zeros((4, 2)), verbose=0)
    return original, before


def by_assign(original, copy):
    for ours, theirs in zip(copy.variables, original.variables, strict=True):
        ours.assign(theirs)


original, _ = trained_copy(by_assign)
try:
    original.get_weights()
    assigned = "readable"
except RuntimeError as error:
    assigned = str(error)
original, before = trained_copy(lambda one, other: other.set_weights(one.get_weights()))
same = all(
    np.array_equal(*pair) for pair in zip(before, original.get_weights(), strict=True)
)
print("keras", keras.__version__, "jax", jax.__version__)
print("assigned:", assigned)
print("by numpy: as before", same)
assert "deleted" in assigned
assert same
PY
KERAS_BACKEND=jax "$work/venv/bin/python" "$work/look.py"

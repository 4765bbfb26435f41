#!/usr/bin/env bash
# keras 3.15.1 on jax 0.10.2: compile(jit_compile=False) runs every training step
# operation by operation, in Python.
#
# On TensorFlow the same word means "a graph, without XLA": the step's Python runs once or
# twice, to trace it. On JAX there is no graph but XLA's, so the whole step, gradients and
# optimiser included, is dispatched anew each time. Nothing is said, and losses are the
# same: a config that turns XLA off for TensorFlow's sake makes JAX slower, most of
# all on a GPU.
#
# Seen, Python calls of the loss in 20 steps: False 21, True 2, "auto" 2. Fails if that
# changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet keras==3.15.1 jax==0.10.2
cat > "$work/look.py" <<'PY'
import jax
import keras
import numpy as np

STEPS = 20


def calls(jit_compile):
    counted = []

    def loss(truth, predicted):
        counted.append(1)
        return keras.ops.mean(keras.ops.square(truth - predicted))

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", loss, jit_compile=jit_compile)
    values = np.ones((STEPS, 3), "float32")
    model.fit(values, values[:, :1], batch_size=1, epochs=1, verbose=0)
    return len(counted)


seen = {str(how): calls(how) for how in (False, True, "auto")}
print(keras.__version__, jax.__version__, seen)
assert seen["False"] >= STEPS
assert seen["True"] <= 3 and seen["auto"] <= 3
PY
KERAS_BACKEND=jax "$work/venv/bin/python" "$work/look.py" 2>/dev/null

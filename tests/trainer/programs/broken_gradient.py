"""Two steps whose loss is 0 and whose gradient is NaN; prints what stopped them."""

import keras
import numpy as np
from keras import ops

from trainer.optimizer.build import build_optimizer
from trainer.optimizer.config import OptimizerConfig
from trainer.training.callbacks.non_finite import NonFiniteLossError, StopOnNonFinite
from trainer.training.callbacks.state import CountSteps, TrainingState

model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
# the root of 0 has an infinite slope, and 0 times that is NaN
model.compile(
    optimizer=build_optimizer(OptimizerConfig(), train_steps=2),
    loss=lambda truth, found: ops.sqrt(0.0 * found),
)
state = TrainingState(train_steps=2, steps_per_epoch=2)
try:
    model.fit(
        np.ones((2, 1)),
        np.ones((2, 1)),
        batch_size=1,
        callbacks=[CountSteps(state), StopOnNonFinite(state, lambda step: ["000005"])],
        verbose=0,
    )
except NonFiniteLossError as error:
    print(error)

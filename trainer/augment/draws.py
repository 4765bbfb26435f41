"""Random numbers as an argument: a seed split into as many draws as an op asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf

_BLOCK = 32


class Draws:
    """Uniform numbers from one stateless seed; the n-th call always gives the n-th.

    Single draws are slices of one random op's block: a random op each would cost more
    than the arithmetic that uses the number.
    """

    def __init__(self, seed: tf.Tensor, frames: int = 1) -> None:
        """Seed: int64 [2]; every draw gives one number for each of `frames`."""
        self._seed = seed
        self.frames = frames
        self._blocks_made = 0
        self._singles: list[tf.Tensor] = []

    def uniform(self, low: float = 0.0, high: float = 1.0) -> tf.Tensor:
        """Float32 [frames] in [low, high)."""
        import tensorflow as tf

        if not self._singles:
            self._singles = tf.unstack(self.uniforms(_BLOCK), axis=1)
        return low + (high - low) * self._singles.pop()

    def uniforms(self, count: int, low: float = 0.0, high: float = 1.0) -> tf.Tensor:
        """Float32 [frames, count] in [low, high)."""
        import tensorflow as tf

        seed = self._seed + tf.constant([0, self._blocks_made], tf.int64)
        self._blocks_made += 1
        return tf.random.stateless_uniform([self.frames, count], seed, low, high)

    def happens(self, probability: float) -> tf.Tensor:
        """Bool [frames], true with the given probability."""
        return self.uniform() < probability

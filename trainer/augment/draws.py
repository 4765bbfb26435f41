"""Random numbers as an argument: a seed split into as many draws as an op asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf

_BLOCK = 64


class Draws:
    """Uniform numbers from one stateless seed; the n-th call always gives the n-th.

    Scalars are slices of one random op's block: a random op each would cost more
    than the arithmetic that uses the number.
    """

    def __init__(self, seed: tf.Tensor) -> None:
        """Seed: an integer tensor [2]."""
        self._seed = seed
        self._blocks_made = 0
        self._scalars: tf.Tensor = None
        self._scalars_left = 0

    def uniform(self, low: float = 0.0, high: float = 1.0) -> tf.Tensor:
        """One float32 scalar in [low, high)."""
        if not self._scalars_left:
            self._scalars = self.uniforms(_BLOCK)
            self._scalars_left = _BLOCK
        self._scalars_left -= 1
        return low + (high - low) * self._scalars[self._scalars_left]

    def uniforms(self, count: int, low: float = 0.0, high: float = 1.0) -> tf.Tensor:
        """Float32 [count] in [low, high)."""
        import tensorflow as tf

        key = tf.cast(self._seed, tf.int64) + tf.constant(
            [0, self._blocks_made], "int64"
        )
        self._blocks_made += 1
        return tf.random.stateless_uniform([count], key, low, high)

    def happens(self, probability: float) -> tf.Tensor:
        """A bool scalar, true with the given probability."""
        return self.uniform() < probability

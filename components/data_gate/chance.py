"""How far two random draws of one source differ, by their number of images."""

import math
from collections.abc import Mapping

import numpy as np

# Intraclass correlation: 0 where objects of an image are as of different ones, 1 where
# they are all the same. Of classes it is .4 in VOC 2007.
_ALIKE = 0.5
_DRAWS = 10_000  # of the mix of classes; the quantile of 0.001 rests on 10 of them


def independent_objects(images: float, mean: float, deviation: float) -> float:
    """As many objects, each drawn by itself, would say as much as those of the images.

    Objects of one image are alike: by Kish's design effect, 1 + (m - 1) rho, where m is
    the mean number of objects beside which an object stands, itself included. mean,
    deviation: of objects per image.
    """
    if not images or not mean:
        return 0.0
    beside = (mean**2 + deviation**2) / mean
    return images * mean / (1 + (beside - 1) * _ALIKE)


def none_by_chance(expected: float, rate: float) -> bool:
    """Whether none at all of so many expected has a probability of rate (Poisson)."""
    return math.exp(-expected) >= rate


def kolmogorov_smirnov_by_chance(now: float, before: float, rate: float) -> float:
    """What their largest difference passes with a probability of rate, 0..1.

    now, before: sizes of the two draws. Smirnov's asymptotic quantile, which is exact
    for large draws of continuous values and too wide for others.
    """
    if not now or not before:
        return 1.0
    return min(1.0, math.sqrt(-math.log(rate / 2) / 2 * (1 / now + 1 / before)))


def total_variation_by_chance(
    shares: Mapping[str, float], now: float, before: float, rate: float
) -> float:
    """What the total variation of two draws passes with a probability of rate, 0..1.

    shares: of the classes in the source of both, any positive scale. Drawn, for it has
    no closed form; the same numbers always give the same answer.
    """
    total = sum(shares.values())
    if not now or not before or not total:
        return 1.0
    mix = np.array([shares[name] for name in sorted(shares)]) / total
    generator = np.random.default_rng(0)
    drawn = []
    for size in (now, before):
        whole = max(1, math.floor(size))
        drawn.append(generator.multinomial(whole, mix, _DRAWS) / whole)
    distances = 0.5 * np.abs(drawn[0] - drawn[1]).sum(axis=1)
    return float(np.quantile(distances, 1 - rate))

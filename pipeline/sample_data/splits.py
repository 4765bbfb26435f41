"""Which images train, which validate, which test."""

from collections.abc import Sequence

import numpy as np

VAL_FRACTION = 0.2
TEST_FRACTION = 0.1


def draw_splits(image_ids: Sequence[str], seed: int) -> dict[str, list[str]]:
    """Splits the ids as VOC names it; each list keeps the order of `image_ids`.

    A set of three images or more has at least one in each of train, val and test.
    """
    # argsort of plain draws: a permutation that no NumPy release reorders.
    draws = np.random.default_rng([seed, 1]).random(len(image_ids))
    order = np.argsort(draws, kind="stable").tolist()
    num_val = max(round(VAL_FRACTION * len(order)), min(1, len(order) - 1))
    num_test = max(round(TEST_FRACTION * len(order)), 1 if len(order) > 2 else 0)
    val = set(order[:num_val])
    test = set(order[num_val : num_val + num_test])
    chosen: dict[str, list[str]] = {"train": [], "val": [], "trainval": [], "test": []}
    for index, image_id in enumerate(image_ids):
        split = "test" if index in test else "val" if index in val else "train"
        chosen[split].append(image_id)
        if split != "test":
            chosen["trainval"].append(image_id)
    return chosen

"""Work on many images in blocks, which threads may share.

NumPy lets other threads run while it computes, so threads help on several cores; and
blocks bound the memory that matching takes, and keep more of it in the cache, on one.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.box_columns import Detections, GroundTruths

# Smaller blocks cost more calls, larger ones more memory and misses of the cache.
IMAGES_AT_ONCE = 1280

Item = TypeVar("Item")
Result = TypeVar("Result")
Columns = TypeVar("Columns", GroundTruths, Detections)
Block = tuple[slice, GroundTruths, Detections]


def in_threads(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> list[Result]:
    """The results in the order of the items."""
    if threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    if threads == 1:
        return list(map(function, items))
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


def blocks_of_images(
    ground_truths: GroundTruths, detections: Detections, num_images: int
) -> Iterator[Block]:
    """Blocks, at least one: images, and their boxes numbered from the first image.

    They are of about equal size, so that threads end together.
    """
    ground_truths, detections = _by_image(ground_truths), _by_image(detections)
    num_blocks = max(1, math.ceil(num_images / IMAGES_AT_ONCE))
    bounds = [num_images * block // num_blocks for block in range(num_blocks + 1)]
    for first, end in itertools.pairwise(bounds):
        images = slice(first, end)
        yield images, _part(ground_truths, images), _part(detections, images)


def _by_image(columns: Columns) -> Columns:
    """The rows by image; those of one image stay in order."""
    image: NDArray[np.int64] = columns.image
    if (image[1:] >= image[:-1]).all():
        return columns
    return columns.take(np.argsort(image, kind="stable"))


def _part(columns: Columns, images: slice) -> Columns:
    start, end = np.searchsorted(columns.image, (images.start, images.stop))
    part = columns.take(slice(start, end))
    return replace(part, image=part.image - images.start)

"""One image: a background, the objects painted on it, and the truth about them."""

import dataclasses
import math

import numpy as np
import numpy.typing as npt

from pipeline.sample_data.background import draw_background
from pipeline.sample_data.shapes import SHAPES, Mask, Pixels, Shape, draw_shape

# Objects this hidden or this small are `difficult`, as VOC's annotators would have it.
DIFFICULT_VISIBLE = 0.45
DIFFICULT_SIDE = 0.056  # of the longest side of the set's largest image
# No object may be hidden more than this by the ones painted after it.
_LEAST_VISIBLE = 0.3
_PLACEMENTS = 30


@dataclasses.dataclass(frozen=True)
class SceneObject:
    """An annotated object; `box` is xyxy px, 0-based, half-open, of what is seen."""

    name: str
    box: tuple[int, int, int, int]
    difficult: bool
    truncated: bool
    occluded: bool


@dataclasses.dataclass(frozen=True)
class Scene:
    """Pixels [H, W, 3], the objects, and which object owns each pixel (-1: none)."""

    pixels: Pixels
    owner: npt.NDArray[np.int16]
    objects: tuple[SceneObject, ...]


@dataclasses.dataclass(frozen=True)
class _Painted:
    """What the flags need to know about an object: its class and pixel counts."""

    name: str
    whole: int
    inside: int


class _Canvas:
    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels
        self.owner = np.full(pixels.shape[:2], -1, np.int16)
        self.painted: list[_Painted] = []

    def paint(
        self, name: str, centre: tuple[int, int], patch: tuple[Mask, Pixels], hide: bool
    ) -> bool:
        """Paints one object unless it hides too much; tells whether it did."""
        mask, colours = patch
        height, width = self.owner.shape
        left, top = centre[0] - mask.shape[1] // 2, centre[1] - mask.shape[0] // 2
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + mask.shape[1], width), min(top + mask.shape[0], height)
        if x0 >= x1 or y0 >= y1:
            return False
        on_patch = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
        seen = mask[on_patch]
        owner = self.owner[y0:y1, x0:x1]
        if not seen.any() or self._hides_too_much(owner[seen], hide):
            return False
        owner[seen] = len(self.painted)
        self.pixels[y0:y1, x0:x1][seen] = colours[on_patch][seen]
        self.painted.append(_Painted(name, int(mask.sum()), int(seen.sum())))
        return True

    def _hides_too_much(self, covered: npt.NDArray[np.int16], hide: bool) -> bool:
        for index in range(len(self.painted)):
            lost = int((covered == index).sum())
            if lost and not hide:
                return True
            left = int((self.owner == index).sum()) - lost
            if left < _LEAST_VISIBLE * self.painted[index].whole and lost:
                return True
        return False

    def objects(self, least_side: float) -> tuple[SceneObject, ...]:
        """The objects as annotated, in the order in which they were painted."""
        return tuple(
            _annotate(painted, self.owner == index, least_side)
            for index, painted in enumerate(self.painted)
        )


def _annotate(painted: _Painted, seen: Mask, least_side: float) -> SceneObject:
    columns, rows = np.flatnonzero(seen.any(axis=0)), np.flatnonzero(seen.any(axis=1))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    visible = int(seen.sum())
    side = min(box[2] - box[0], box[3] - box[1])
    return SceneObject(
        name=painted.name,
        box=box,
        difficult=visible < DIFFICULT_VISIBLE * painted.whole or side < least_side,
        truncated=painted.inside < painted.whole,
        occluded=visible < 0.95 * painted.inside,
    )


def draw_scene(rng: np.random.Generator, size: int) -> Scene:
    """Draws an image whose longer side is at most `size` pixels."""
    width, height = _frame(rng, size)
    canvas = _Canvas(draw_background(rng, width, height))
    # One image in twelve has no objects; the others one to six.
    count = 0 if rng.random() < 1 / 12 else int(rng.integers(1, 7))
    for _ in range(count):
        shape = SHAPES[int(rng.integers(len(SHAPES)))]
        half = _half_sides(rng, shape, size)
        patch = _patch(rng, shape, half)
        at_border, hide = rng.random() < 0.15, bool(rng.random() < 0.3)
        for _ in range(_PLACEMENTS):
            centre = _centre(rng, (width, height), max(half), at_border)
            if canvas.paint(shape.name, centre, patch, hide):
                break
    pixels = _with_grain(rng, canvas.pixels)
    return Scene(pixels, canvas.owner, canvas.objects(DIFFICULT_SIDE * size))


def _frame(rng: np.random.Generator, size: int) -> tuple[int, int]:
    """Width and height: sides from 5/8 of `size` up, landscape twice in three."""
    longer = int(rng.integers(math.ceil(size * 0.8), size + 1))
    shorter = int(rng.integers(math.ceil(size * 0.625), math.ceil(size * 0.8) + 1))
    return (longer, shorter) if rng.random() < 2 / 3 else (shorter, longer)


def _half_sides(
    rng: np.random.Generator, shape: Shape, size: int
) -> tuple[float, float]:
    """Half of an object's sides: 30 to 120 px at size 320, one in twenty tiny."""
    if rng.random() < 0.05:
        side = size * (0.035 + 0.02 * rng.random())
    else:
        side = size * (0.1 + 0.26 * rng.random())
    stretch = 0.6 + 0.4 * rng.random() if shape.name == "crate" else 1.0
    return side / 2, side * stretch / 2


def _patch(
    rng: np.random.Generator, shape: Shape, half: tuple[float, float]
) -> tuple[Mask, Pixels]:
    hue = shape.hue + 0.1 * (rng.random() - 0.5)
    brightness = 0.7 + 0.3 * rng.random()
    return draw_shape(shape, half, 2 * math.pi * rng.random(), (hue, brightness))


def _centre(
    rng: np.random.Generator, frame: tuple[int, int], half: float, at_border: bool
) -> tuple[int, int]:
    """A centre such that the object lies inside, or across one border if asked."""
    margins = [min(math.ceil(half), side // 2) for side in frame]
    inside = [
        int(rng.integers(margin, side - margin + 1))
        for margin, side in zip(margins, frame, strict=True)
    ]
    if at_border:
        axis = int(rng.integers(2))
        into = int(half * (0.9 * rng.random() - 0.2))
        inside[axis] = into if rng.random() < 0.5 else frame[axis] - 1 - into
    return inside[0], inside[1]


def _with_grain(rng: np.random.Generator, pixels: Pixels) -> Pixels:
    """Adds a sensor's noise, so that flat colours are not flat."""
    noise = rng.integers(-9, 10, size=pixels.shape, dtype=np.int16)
    return np.clip(pixels.astype(np.int16) + noise, 0, 255).astype(np.uint8)

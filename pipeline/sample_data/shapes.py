"""The classes: what each one's outline and texture are.

An outline and a texture are functions of the object's own coordinates `u, v`, which
run over [-1, 1] across the object before it is turned and stretched.
"""

import colorsys
import dataclasses
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Grid = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Pixels = npt.NDArray[np.uint8]

# Distance from a pentagram's centre to each of its five lines, tips at distance 1.
_STAR_INNER = 0.309017


@dataclasses.dataclass(frozen=True)
class Shape:
    """One class: `outline` says where it is, `texture` where its dark colour is."""

    name: str
    hue: float
    outline: Callable[[Grid, Grid], Mask]
    texture: Callable[[Grid, Grid], Mask]


def _disc(u: Grid, v: Grid) -> Mask:
    return u * u + v * v <= 1.0


def _stripes(u: Grid, v: Grid) -> Mask:
    del v
    return np.floor(u * 3.0) % 2 == 0


def _rectangle(u: Grid, v: Grid) -> Mask:
    return np.maximum(np.abs(u), np.abs(v)) <= 1.0


def _planks(u: Grid, v: Grid) -> Mask:
    seam: Mask = (v * 2.0) % 1.0 < 0.2
    frame: Mask = np.maximum(np.abs(u), np.abs(v)) > 0.85
    return seam | frame


def _plus(u: Grid, v: Grid) -> Mask:
    near, far = np.minimum(np.abs(u), np.abs(v)), np.maximum(np.abs(u), np.abs(v))
    return (near <= 0.36) & (far <= 1.0)


def _checks(u: Grid, v: Grid) -> Mask:
    return (np.floor(u * 4.0) + np.floor(v * 4.0)) % 2 == 0


def _annulus(u: Grid, v: Grid) -> Mask:
    squared = u * u + v * v
    return (squared <= 1.0) & (squared >= 0.45 * 0.45)


def _rim(u: Grid, v: Grid) -> Mask:
    return u * u + v * v > 0.75 * 0.75


def _pentagram(u: Grid, v: Grid) -> Mask:
    """A point is inside when at most one of the five lines shuts it out."""
    outside = np.zeros(u.shape, np.int64)
    for tip in range(5):
        angle = 2.0 * math.pi * tip / 5.0
        normal_u, normal_v = round(math.sin(angle), 9), round(math.cos(angle), 9)
        outside += u * normal_u + v * normal_v > _STAR_INNER
    return outside <= 1


def _core(u: Grid, v: Grid) -> Mask:
    return np.abs(u) + np.abs(v) < 0.35


SHAPES = (
    Shape("ball", 0.02, _disc, _stripes),
    Shape("crate", 0.10, _rectangle, _planks),
    Shape("cross", 0.60, _plus, _checks),
    Shape("ring", 0.36, _annulus, _rim),
    Shape("star", 0.84, _pentagram, _core),
)
CLASS_NAMES = tuple(shape.name for shape in SHAPES)


def draw_shape(
    shape: Shape, half: tuple[float, float], angle: float, colour: tuple[float, float]
) -> tuple[Mask, Pixels]:
    """Draws one object on a patch of its own, uncut.

    Args:
        shape: its class.
        half: half of its width and of its height before it is turned, in pixels.
        angle: how far it is turned, in radians.
        colour: hue and brightness of its light colour, both 0..1.

    Returns:
        The patch's mask [S, S] and pixels [S, S, 3]; S is odd and the object's centre
        lies in the middle of the middle pixel.
    """
    reach = math.ceil(math.sqrt(half[0] ** 2 + half[1] ** 2)) + 1
    offsets = np.arange(-reach, reach + 1, dtype=np.float64)
    x, y = offsets[np.newaxis, :], offsets[:, np.newaxis]
    cos, sin = round(math.cos(angle), 9), round(math.sin(angle), 9)
    u, v = (x * cos + y * sin) / half[0], (y * cos - x * sin) / half[1]
    light, dark = _rgb(*colour), _rgb(colour[0], colour[1] * 0.5)
    pixels = np.where(shape.texture(u, v)[..., np.newaxis], dark, light)
    return shape.outline(u, v), pixels.astype(np.uint8)


def _rgb(hue: float, brightness: float) -> npt.NDArray[np.uint8]:
    channels = colorsys.hsv_to_rgb(hue % 1.0, 0.75, brightness)
    return np.array([round(255 * channel) for channel in channels], np.uint8)

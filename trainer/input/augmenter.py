"""A preset's augmentations applied to one frame and its partners."""

import functools
from typing import Any

import tensorflow as tf

from trainer.augment.affine import move_boxes
from trainer.augment.declaration import is_geometric, is_photometric
from trainer.augment.draws import Draws
from trainer.augment.mixup import MixUp
from trainer.augment.mosaic import Mosaic
from trainer.augment.warp import warp
from trainer.input.config import InputConfig
from trainer.input.frames import CLASS_PADDING, Frame, pack_boxes

Tensor = Any  # TensorFlow has no types of its own

_TRUTH = ("gt_boxes", "gt_classes", "gt_difficult")


class Augmenter:
    """Frames in, one frame out; the same seed gives the same frame.

    What touches every pixel is compiled by XLA: one loop for the warp, one for colour
    and erase. The rest is small and stays out of it, as its compilation took half a
    minute. Mosaic and mixup are branches, so frames without them don't pay.
    """

    def __init__(self, config: InputConfig) -> None:
        declared = config.augmentations
        self._config = config
        self._geometric = [op for op in declared if is_geometric(op)]
        self._photometric = [op for op in declared if is_photometric(op)]
        self._mosaic = next((op for op in declared if isinstance(op, Mosaic)), None)
        self._mixup = next((op for op in declared if isinstance(op, MixUp)), None)
        compiled = functools.partial(tf.function, jit_compile=True, autograph=False)
        self._warp_pixels = compiled(warp)
        self._paint_pixels = compiled(self._paint)

    @property
    def num_partners(self) -> int:
        """How many other frames a call must be given: 3 for mosaic, 1 for mixup."""
        return 3 * (self._mosaic is not None) + (self._mixup is not None)

    def __call__(
        self, frames: Frame, places: tf.Tensor, seed: tf.Tensor, mixes: tf.Tensor
    ) -> Frame:
        """Augments one of several stacked frames.

        Args:
          frames: as in `trainer.input.frames.frame_spec`, each value stacked.
          places: int64 [1 + num_partners]; where the frame to augment stands among
            them, then its partners. It keeps its own image_id, image_shape and
            letterbox, whatever is mixed in.
          seed: int64 [2].
          mixes: bool scalar; without it mosaic and mixup rest.
        """
        own = {key: value[places[0]] for key, value in frames.items()}
        if not self._config.augmentations:
            return own
        seeds = tf.unstack(
            tf.random.stateless_uniform([6, 2], seed, None, None, tf.int64)
        )
        joined = self._join(frames, places, seeds, mixes)
        mixed = self._mix(joined, frames, places[-1:], seeds, mixes)
        image, *truth = self._recolor(mixed, seeds[5])
        return {**own, "images": image, **dict(zip(_TRUTH, truth, strict=True))}

    def _join(
        self, frames: Frame, places: tf.Tensor, seeds: list[Tensor], mixes: tf.Tensor
    ) -> list[Tensor]:
        """The frame warped, or the mosaic that it begins."""
        mosaic = self._mosaic
        if mosaic is None:
            return self._warp_one(frames, places[:1], seeds[0])

        def joined() -> list[Tensor]:
            parts = _part(frames, places[:4])
            draws = Draws(seeds[3], frames=4)
            center = mosaic.center(draws, self._config.image_size)
            quarters = _quarters(center, self._config.image_size)
            placement = mosaic.placement(draws, _content(parts), quarters)
            moves = placement @ self._compose(parts["gt_boxes"], seeds[0])
            return self._warp(parts, moves, quarters, center)

        happens = Draws(seeds[4]).happens(mosaic.probability)[0]
        return tf.cond(
            mixes & happens,
            joined,
            lambda: self._warp_one(frames, places[:1], seeds[0]),
        )

    def _mix(
        self,
        joined: list[Tensor],
        frames: Frame,
        place: tf.Tensor,
        seeds: list[Tensor],
        mixes: tf.Tensor,
    ) -> list[Tensor]:
        """`joined` blended with another frame, where the draw says so."""
        mixup = self._mixup
        if mixup is None:
            return joined
        draws = Draws(seeds[2])

        def blended() -> list[Tensor]:
            image, *truth = self._warp_one(frames, place, seeds[1])
            pairs = zip(joined[1:], truth, strict=True)
            boxes, classes, difficult = (tf.concat(pair, axis=0) for pair in pairs)
            packed = pack_boxes(boxes, classes, difficult, self._config.max_boxes)
            return [mixup.blend(draws, joined[0], image), *packed]

        happens = draws.happens(mixup.probability)[0]
        return tf.cond(mixes & happens, blended, lambda: joined)

    def _warp_one(
        self, frames: Frame, place: tf.Tensor, seed: tf.Tensor
    ) -> list[Tensor]:
        """One frame with its geometric operations; image and ground truth."""
        part = _part(frames, place)
        if not self._geometric:
            return [part[key][0] for key in ("images", *_TRUTH)]
        height, width = self._config.image_size
        whole = tf.constant([[0, 0, width, height]], tf.float32)
        moves = self._compose(part["gt_boxes"], seed)
        return self._warp(part, moves, whole, tf.zeros([2], tf.int32))

    def _compose(self, boxes: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """All geometric operations of T frames as matrices [T, 3, 3]."""
        frames = boxes.shape[0]
        draws = Draws(seed, frames)
        moves = tf.eye(3, batch_shape=[frames])
        for operation in self._geometric:
            moved = move_boxes(boxes, moves)
            moves = operation.transform(draws, moved, self._config.image_size) @ moves
        return moves

    def _warp(
        self, parts: Frame, moves: tf.Tensor, regions: tf.Tensor, center: tf.Tensor
    ) -> list[Tensor]:
        """T frames in T regions [T, 4] -> image [H, W, 3] and its ground truth."""
        boxes, kept = self._move(parts["gt_boxes"], moves, regions)
        classes = tf.where(kept, parts["gt_classes"], CLASS_PADDING)
        truth = pack_boxes(
            tf.reshape(boxes, [-1, 4]),
            tf.reshape(classes, [-1]),
            tf.reshape(parts["gt_difficult"], [-1]),
            self._config.max_boxes,
        )
        return [self._warp_pixels(parts["images"], moves, center), *truth]

    def _move(
        self, boxes: tf.Tensor, moves: tf.Tensor, regions: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """(boxes [T, G, 4] moved and cut to their region, kept [T, G])."""
        moved = move_boxes(boxes, moves)
        low = tf.tile(regions[:, None, :2], [1, 1, 2])
        high = tf.tile(regions[:, None, 2:], [1, 1, 2])
        cut = tf.clip_by_value(moved, low, high)
        sides, whole = (b[..., 2:] - b[..., :2] for b in (cut, moved))
        visible = tf.math.divide_no_nan(
            tf.reduce_prod(sides, axis=-1), tf.reduce_prod(whole, axis=-1)
        )
        seen = visible >= self._config.min_box_visibility
        return cut, seen & (tf.reduce_min(sides, axis=-1) >= self._config.min_box_side)

    def _recolor(self, joined: list[Tensor], seed: tf.Tensor) -> list[Tensor]:
        if not self._photometric:
            return joined
        image, boxes, classes, difficult = joined
        draws = Draws(seed)
        drawn = []
        for operation in self._photometric:
            numbers, kept = operation.draw(draws, boxes, self._config.image_size)
            classes = tf.where(kept, classes, CLASS_PADDING)
            drawn.append(numbers)
        truth = pack_boxes(boxes, classes, difficult, self._config.max_boxes)
        return [self._paint_pixels(image, drawn), *truth]

    def _paint(self, image: tf.Tensor, drawn: list[Tensor]) -> tf.Tensor:
        pixels = tf.cast(image, tf.float32)
        for operation, numbers in zip(self._photometric, drawn, strict=True):
            pixels = operation.paint(pixels, numbers)
        return tf.cast(pixels + 0.5, tf.uint8)


def _part(frames: Frame, places: tf.Tensor) -> Frame:
    """Some of the stacked frames; their number is static."""
    part = {key: tf.gather(value, places) for key, value in frames.items()}
    count = places.shape[0]
    return {
        key: tf.ensure_shape(value, [count, *value.shape[1:]])
        for key, value in part.items()
    }


def _content(parts: Frame) -> tf.Tensor:
    """[T, 4] xyxy px: where the images lie in their letterboxed frames."""
    scale, offset = parts["letterbox"][:, :2], parts["letterbox"][:, 2:]
    size = tf.cast(parts["image_shapes"][:, ::-1], tf.float32) * scale
    return tf.concat([offset, offset + size], axis=1)


def _quarters(center: tf.Tensor, frame_size: tuple[int, int]) -> tf.Tensor:
    """[4, 4] xyxy px: top left, top right, bottom left, bottom right."""
    y, x = tf.unstack(tf.cast(center, tf.float32))
    bottom, right = (float(side) for side in frame_size)
    corners = [0.0, 0.0, x, y, x, 0.0, right, y, 0.0, y, x, bottom, x, y, right, bottom]
    return tf.reshape(tf.stack(corners), [4, 4])

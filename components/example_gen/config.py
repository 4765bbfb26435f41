"""What an operator may decide about ingest."""

import dataclasses
import math
from typing import Literal

from schemas.config_rules import refuse_unless
from schemas.label_map import LabelMap

# Fields that decide which images and objects there are, and where.
READING = (
    "unknown_class",
    "unannotated",
    "min_box_px",
    "min_inside",
    "corners",
    "exif_boxes",
    "swap_inverted",
    "follow_symlinks",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class IngestConfig:
    """Ingest settings; JSON on the wire between the DAG and the stage.

    `label_map` holds class names in id order; without it the classes are the data's,
    in alphabetical order. The fractions apply where the data set brings no image sets;
    with `ensure_splits` they also carve a missing train or eval split out of the other
    (a detector cannot be trained without both). `processes` are those of a run on this
    machine, 0 for one per core; an engine brings its own. `unannotated` says what an
    image without an annotation file is: one to reject, a negative (no objects), or none
    of the data.

    `corners` says how boxes count pixels: VOC's way, from 1 with the last one included,
    or from 0 and half-open (`zero_based_inclusive`: with the last one included;
    `labelimg`: half-open, with a minimum of 0 written as 1); `auto` decides it once for
    the data set.
    `max_dropped_objects` is a fraction of the objects of the images that are written.
    `exif_boxes` says in which picture boxes lie where EXIF turns it and <size> does not
    tell: `auto` takes the stored one and counts the image against the budget.
    `accept_scaled` takes boxes that were scaled to a resized picture out of that count.

    Attributes:
      label_map: class names in id order; null: those of the data, in alphabetical
        order.
      unknown_class: stop where the label map lacks a class, or drop its objects.
      unannotated: what an image without an XML is: reject it, negative, or ignore it.
      train_fraction: part of the images, where the data set brings no image sets
        (0..1).
      eval_fraction: likewise, and what is carved out of train where it has no eval
        (0..1).
      test_fraction: likewise; the three add up to 1 (0..1).
      ensure_splits: carve a missing train or eval split out of the other.
      min_box_px: a box with a shorter side is dropped, pixels (from 0).
      min_inside: a box of which less lies in the image is dropped (0..1).
      swap_inverted: mend boxes whose minimum is above their maximum.
      max_objects: in an image; one with more is told of (from 1).
      max_pixels: of an image; one with more is rejected (from 1).
      max_file_bytes: of a file; a larger one is rejected (from 1).
      max_rejected_images: budget: part of the images (0..1).
      max_dropped_objects: budget: part of the objects of the images written (0..1).
      allow_leaks: take the same image in two splits.
      corners: how boxes count pixels.
      exif_boxes: in which picture boxes lie where EXIF turns it.
      accept_scaled: boxes scaled to a resized picture are not in doubt.
      follow_symlinks: read what links lead to outside the data set.
      images_per_shard: how many at most (from 1).
      max_shard_bytes: of a shard's image files together; an image above it is alone
        in its shard (from 1).
      gzip: compress the TFRecords.
      processes: worker processes on this machine; 0: one per core (from 0).
    """

    label_map: tuple[str, ...] | None = None
    unknown_class: Literal["stop", "drop"] = "stop"
    unannotated: Literal["reject", "negative", "ignore"] = "reject"
    train_fraction: float = 0.8
    eval_fraction: float = 0.2
    test_fraction: float = 0.0
    ensure_splits: bool = True
    min_box_px: float = 2.0
    min_inside: float = 0.5
    swap_inverted: bool = False
    max_objects: int = 1000
    max_pixels: int = 64_000_000
    max_file_bytes: int = 128 * 1024 * 1024
    max_rejected_images: float = 0.05
    max_dropped_objects: float = 0.05
    allow_leaks: bool = False
    corners: Literal[
        "auto", "one_based", "zero_based", "zero_based_inclusive", "labelimg"
    ] = "auto"
    exif_boxes: Literal["auto", "stored", "displayed"] = "auto"
    accept_scaled: bool = False
    follow_symlinks: bool = False
    images_per_shard: int = 256
    max_shard_bytes: int = 128 * 1024 * 1024
    gzip: bool = False
    processes: int = 0

    def __post_init__(self) -> None:
        if self.label_map is not None:
            if not self.label_map:
                raise ValueError("label_map names at least one class, or is left out")
            object.__setattr__(self, "label_map", LabelMap(tuple(self.label_map)).names)
        self._check_fractions()
        self._check_limits()

    @property
    def convention(
        self,
    ) -> Literal["one_based", "zero_based", "zero_based_inclusive", "labelimg"]:
        """How boxes count pixels; ValueError while that is to be decided (`auto`)."""
        if self.corners == "auto":
            raise ValueError(
                "corners are auto: plan.corners.decided says which they are"
            )
        return self.corners

    def _check_fractions(self) -> None:
        fractions = (self.train_fraction, self.eval_fraction, self.test_fraction)
        if min(fractions) < 0 or not math.isclose(sum(fractions), 1, abs_tol=1e-6):
            raise ValueError(
                "train_fraction, eval_fraction and test_fraction are >= 0 and add up "
                f"to 1, got {fractions}"
            )
        for name in ("min_inside", "max_rejected_images", "max_dropped_objects"):
            value = getattr(self, name)
            refuse_unless(0 <= value <= 1, f"0 <= {name} <= 1", value)

    def _check_limits(self) -> None:
        refuse_unless(self.min_box_px >= 0, "min_box_px >= 0", self.min_box_px)
        limits = ("max_objects", "max_pixels", "max_file_bytes")
        for name in (*limits, "images_per_shard", "max_shard_bytes"):
            value = getattr(self, name)
            refuse_unless(value >= 1, f"{name} >= 1", value)
        refuse_unless(self.processes >= 0, "processes >= 0", self.processes)

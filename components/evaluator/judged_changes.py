"""What changed from one judged model to another, on the images that both were asked."""

import dataclasses

from components.evaluator.chance import Change, change_of
from components.evaluator.common_images import common_images
from components.evaluator.difference import bootstrap_differences, counted_objects
from components.evaluator.judged_images import JudgedImages
from trainer.metrics.bootstrap import draw_images
from trainer.metrics.summary import CocoSummary

_RESAMPLES, _SEED = 1000, 0


@dataclasses.dataclass(frozen=True)
class ClassChange:
    """One class: objects, AP@[.50:.95] before and after (None: no object)."""

    name: str
    objects: int
    before: float | None
    after: float | None


@dataclasses.dataclass(frozen=True)
class ImageChange:
    """One image: hits, misses and false alarms, before and after.

    At IoU .5, and at the score threshold that was best for each model.
    """

    image_id: str
    before: tuple[int, int, int]
    after: tuple[int, int, int]

    @property
    def fewer_errors(self) -> int:
        """Misses and false alarms that went away; negative where more came."""
        return sum(self.before[1:]) - sum(self.after[1:])


@dataclasses.dataclass(frozen=True)
class JudgedChange:
    """From one judged model to another.

    Attributes:
      split: that the later was judged on.
      images: that both were asked about, annotated alike.
      left_out: images that only one was asked about, or that were annotated anew.
      metrics: AP, AP50 and AP75 -> before and after.
      chance: of the change of AP, by a paired bootstrap; None without a number.
      classes: every class of either.
      changed: images with more or fewer errors, the greatest loss first.
    """

    split: str
    images: int
    left_out: int
    metrics: dict[str, tuple[float | None, float | None]]
    chance: Change | None
    classes: tuple[ClassChange, ...]
    changed: tuple[ImageChange, ...]


def judged_change(
    earlier: JudgedImages,
    later: JudgedImages,
    earlier_min_score: float,
    later_min_score: float,
) -> JudgedChange:
    """Compares; UserError where no image is common to both."""
    common = common_images(earlier, later)
    before, after = common.earlier, common.later
    names, ids = after.class_names, after.columns.image_ids.tolist()
    numbers = [before.summary(), after.summary()]
    resamples = bootstrap_differences(
        after.columns,
        before.columns,
        class_names=names,
        difficult=after.difficult,
        weights=draw_images(len(ids), _RESAMPLES, _SEED),
    )
    objects = counted_objects(after.columns, names, after.difficult)
    counts = zip(
        ids,
        before.hits_misses_false_alarms(earlier_min_score).tolist(),
        after.hits_misses_false_alarms(later_min_score).tolist(),
        strict=True,
    )
    images = [ImageChange(i, tuple(old), tuple(new)) for i, old, new in counts]
    return JudgedChange(
        split=later.split,
        images=len(ids),
        left_out=common.left_out,
        metrics={
            name: (_overall(numbers[0], name), _overall(numbers[1], name))
            for name in ("AP", "AP50", "AP75")
        },
        chance=change_of(resamples.mean_ap.tolist(), 0.0) if resamples else None,
        classes=tuple(
            ClassChange(name, objects[name], *(_of_class(n, name) for n in numbers))
            for name in names
        ),
        changed=tuple(
            sorted(
                (image for image in images if image.fewer_errors),
                key=lambda image: (image.fewer_errors, image.image_id),
            )
        ),
    )


def _overall(summary: CocoSummary | None, name: str) -> float | None:
    return _defined(summary.metrics[name]) if summary else None


def _of_class(summary: CocoSummary | None, name: str) -> float | None:
    return _defined(summary.per_class[name]["AP"]) if summary else None


def _defined(value: float) -> float | None:
    return None if value < 0 else value

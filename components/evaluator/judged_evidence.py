"""What the gate judges by, from what the models found on the same images."""

import dataclasses
from collections.abc import Mapping, Sequence

from components.evaluator.by_class import Images
from components.evaluator.common_images import common_images
from components.evaluator.config import GateConfig
from components.evaluator.difference import bootstrap_differences, counted_objects
from components.evaluator.gate import decide
from components.evaluator.judged_images import JudgedImages
from components.evaluator.judgement import Evidence, Verdict
from components.evaluator.slices import slice_evidence
from trainer.metrics.bootstrap import draw_images

_SEED = 0  # of the resamples: the same images and models have the same verdict
Metrics = Mapping[str, float | None]


@dataclasses.dataclass(frozen=True)
class Measured:
    """A model on the images of a split: what it found, and its metrics by name."""

    images: Images
    metrics: Metrics


def evidence_of(
    config: GateConfig,
    split: str,
    class_names: Sequence[str],
    candidate: Measured,
    served: Measured | None,
) -> Evidence:
    """All that the images tell; of the models themselves, nothing yet."""
    images = candidate.images
    draws = draw_images(len(images.image_ids), config.resamples if served else 0, _SEED)
    changes = served and bootstrap_differences(
        images,
        served.images,
        class_names=class_names,
        difficult=config.difficult,
        weights=draws,
    )
    slices = [
        slice_evidence(
            floor,
            images,
            served.images if served else None,
            class_names=class_names,
            difficult=config.difficult,
            weights=draws,
        )
        for floor in config.slices
    ]
    return Evidence(
        split=split,
        images=len(images.image_ids),
        objects=counted_objects(images, class_names, config.difficult),
        detections=int(images.counts(len(class_names)).detections.sum()),
        candidate=candidate.metrics,
        baseline=served.metrics if served else None,
        changes=changes.mean_ap.tolist() if changes else (),
        class_changes=changes.by_class if changes else {},  # type: ignore[arg-type]
        slices=slices,
    )


def judge_again(
    config: GateConfig, candidate: JudgedImages, served: JudgedImages | None
) -> Verdict:
    """The gate's verdict on a model that was judged before, from what was kept of it.

    On the images that both models were judged on, annotated alike; where nothing
    serves, on the candidate's own. UserError where they share none.
    """
    if served is not None:
        known_classes = served.class_names
        own_classes = candidate.class_names
        common = common_images(served, candidate)
        candidate, served = common.later, common.earlier
    evidence = evidence_of(
        dataclasses.replace(config, difficult=candidate.difficult),
        candidate.split,
        candidate.class_names,
        _measured(candidate),
        _measured(served) if served else None,
    )
    if served is not None:
        # Numbered alike, both know the classes of either; the candidate knows its own.
        changes = evidence.class_changes
        evidence = dataclasses.replace(
            evidence,
            objects={name: evidence.objects[name] for name in own_classes},
            class_changes={n: changes[n] for n in own_classes if n in changes},
            served_classes=known_classes,
        )
    return decide(config, evidence)


def _measured(judged: JudgedImages) -> Measured:
    summary = judged.summary()
    if summary is None:
        return Measured(judged.columns, {})
    metrics = {name: _defined(value) for name, value in summary.metrics.items()}
    for class_name, of_class in summary.per_class.items():
        metrics[f"AP/{class_name}"] = _defined(of_class["AP"])
    return Measured(judged.columns, metrics)


def _defined(value: float) -> float | None:
    return None if value < 0 else value

"""How often a gate refuses an equal model, and blesses one that is 2 points worse.

    python benchmarks/gate.py --images 48 500 5000 --trials 120 100 40

Models are simulated: the images of a gate's split, how hard each is, and what a model
of a given skill finds on them, scores and misplaced boxes included. Two models of equal
skill differ as two seeds do. The numbers go through the program's own metric and gate.
"""

import argparse
import sys
import time

import numpy as np

from components.evaluator.config import GateConfig
from components.evaluator.gate import WORSE, decide
from components.evaluator.judgement import Evidence
from trainer.metrics.bootstrap import (
    draw_images,
    match_for_bootstrap,
    mean_ap,
    resampled_ap,
)
from trainer.metrics.box_columns import Detections, GroundTruths

NUM_CLASSES = 5
SIDE_PX = 40.0
POINTS = 0.02  # mAP by which the worse model is worse
SKILL = 0.75
SURE = (0.8, 0.9, 0.95)


class Split:
    """Images with one to five objects of equal size, in a row, far from each other."""

    def __init__(self, num_images, rng):
        self.num_images = num_images
        per_image = rng.integers(1, 6, num_images)
        image = np.repeat(np.arange(num_images), per_image)
        place = np.concatenate([np.arange(count) for count in per_image])
        boxes = np.zeros((len(image), 4))
        boxes[:, 0] = place * 10 * SIDE_PX
        boxes[:, 2:] = SIDE_PX
        self.ground_truths = GroundTruths(
            image, rng.integers(0, NUM_CLASSES, len(image)), boxes
        )
        self.ease = rng.normal(0, 0.6, num_images)[image] + rng.normal(
            0, 0.6, len(image)
        )

    def detect(self, skill, rng):
        """What a model of this skill finds: hits, badly placed boxes, false alarms."""
        truths = self.ground_truths
        certainty = skill + 0.25 * self.ease + rng.normal(0, 0.2, len(truths))
        found = certainty > 0.35
        iou = np.clip(certainty[found], 0.3, 0.98)
        boxes = truths.boxes_xywh[found].copy()
        boxes[:, 0] += SIDE_PX * (1 - iou) / (1 + iou)  # IoU = (w - d) / (w + d)
        score = certainty[found] + rng.normal(0, 0.15, found.sum())
        alarms = rng.poisson(0.6, self.num_images)
        image = np.repeat(np.arange(self.num_images), alarms)
        false = np.zeros((len(image), 4))
        false[:] = [0, 50 * SIDE_PX, SIDE_PX, SIDE_PX]
        return Detections(
            np.concatenate([truths.image[found], image]),
            np.concatenate(
                [truths.class_id[found], rng.integers(0, NUM_CLASSES, len(image))]
            ),
            np.concatenate([boxes, false]),
            np.concatenate([score, rng.normal(0.35, 0.2, len(image))]),
        )

    def match(self, detections):
        """The detections, matched for the bootstrap."""
        return match_for_bootstrap(
            self.ground_truths,
            detections,
            num_images=self.num_images,
            num_classes=NUM_CLASSES,
        )


def own_ap(matched):
    """The mAP of the split as it is."""
    weights = np.ones((1, len(matched.objects)), np.int32)
    return float(mean_ap(resampled_ap(matched, weights))[0])


def skill_that_is_worse_by(points, rng):
    """By bisection on 30,000 images."""
    split = Split(30_000, rng)
    target = own_ap(split.match(split.detect(SKILL, rng))) - points
    low, high = SKILL - 0.3, SKILL
    for _ in range(14):
        middle = (low + high) / 2
        if own_ap(split.match(split.detect(middle, rng))) < target:
            low = middle
        else:
            high = middle
    return (low + high) / 2, target + points


def scores(matched, weights):
    """The mAP of the split as it is, and of each resample of its images."""
    return own_ap(matched), mean_ap(resampled_ap(matched, weights))


def refused(split, served, candidate):
    """Whether each rule refuses: the mAP alone, and the gate by how sure it must be."""
    (own, resampled), (other, served_resampled) = candidate, served
    evidence = Evidence(
        split="test",
        images=split.num_images,
        objects={"object": len(split.ground_truths)},
        detections=1,
        candidate={"AP": own},
        baseline={"AP": other},
        changes=(resampled - served_resampled).tolist(),
    )
    verdicts = [
        decide(GateConfig(min_map=0.0, worse_probability=sure), evidence)
        for sure in SURE
    ]
    return own < other, *(verdict.compared == WORSE for verdict in verdicts)


def measure(num_images, trials, skills, resamples):
    """Shares of trials in which each rule refuses a model of each skill."""
    counts = np.zeros((len(skills), 1 + len(SURE)))
    for trial in range(trials):
        rng = np.random.default_rng([num_images, trial])
        split = Split(num_images, rng)
        weights = draw_images(num_images, resamples, trial)
        served = scores(split.match(split.detect(SKILL, rng)), weights)
        for row, skill in enumerate(skills):
            candidate = scores(split.match(split.detect(skill, rng)), weights)
            counts[row] += refused(split, served, candidate)
    return counts / trials


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs="+", default=[48, 500, 5000])
    parser.add_argument("--trials", type=int, nargs="+", default=[120, 100, 40])
    parser.add_argument("--resamples", type=int, default=1000)
    args = parser.parse_args()
    worse, mean = skill_that_is_worse_by(POINTS, np.random.default_rng(0))
    sys.stdout.write(
        f"served model: mAP {mean:.3f}; {args.resamples} resamples\n\n"
        "| images | trials | rule | equal model refused | .02 worse model blessed |\n"
        "|---|---|---|---|---|\n"
    )
    rules = ["mAP alone", *(f"worse with probability {sure}" for sure in SURE)]
    for num_images, trials in zip(args.images, args.trials, strict=True):
        start = time.process_time()
        equal, fallen = measure(num_images, trials, (SKILL, worse), args.resamples)
        seconds = (time.process_time() - start) / trials / 2
        for rule, one, other in zip(rules, equal, 1 - fallen, strict=True):
            row = f"| {num_images} | {trials} | {rule} | {one:.2f} | {other:.2f} |\n"
            sys.stdout.write(row)
        sys.stderr.write(f"{num_images} images: {seconds:.2f} s of CPU a verdict\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

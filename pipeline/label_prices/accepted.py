"""The labels that a person said yes to, as annotations that ingest takes."""

import dataclasses
import os
from collections import Counter, defaultdict

from pipeline.label_prices.priced_list import Label, PricedList, read_answers
from pipeline.label_prices.proposals import proposed_annotation
from schemas.user_error import UserError

ANNOTATIONS = "Annotations"


@dataclasses.dataclass(frozen=True)
class Accepted:
    """What was answered: `yes`, `no` and `open` labels; `annotations` written."""

    yes: int
    no: int
    open: int
    annotations: int


def write_accepted(answers_path: str, folder: str) -> Accepted:
    """Writes an annotation for each image with a yes; the rest of it as it was."""
    answers = read_answers(answers_path)
    yes = [label for label in answers.labels if label.answer == "yes"]
    if not yes:
        raise UserError(f"{answers_path} says yes to no label: there is nothing to do")
    written = write_annotations(answers, yes, folder)
    count = Counter(label.answer for label in answers.labels)
    return Accepted(count["yes"], count["no"], count[""], written)


def write_annotations(priced: PricedList, labels: list[Label], folder: str) -> int:
    """Writes the annotations of the images of these labels; returns their number."""
    of_image: dict[str, list[Label]] = defaultdict(list)
    for label in labels:
        of_image[label.image].append(label)
    place = os.path.realpath(os.path.join(folder, ANNOTATIONS))
    for image_id, some in of_image.items():
        text = proposed_annotation(priced.images[image_id], some, priced.corners)
        path = os.path.realpath(os.path.join(place, f"{image_id}.xml"))
        if os.path.commonpath([place, path]) != place:
            raise UserError(f"image {image_id!r} would lie outside of {folder}")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as sink:
            sink.write(text)
    return len(of_image)

"""The labels that a person said yes to, as annotations that ingest takes."""

import dataclasses
import os
import shlex
from collections import Counter, defaultdict

from components.example_gen.source import storage
from pipeline.evaluation.whole_folder import whole_folder
from pipeline.label_prices.priced_list import Label, PricedList, read_answers
from pipeline.label_prices.proposals import proposed_annotation
from pipeline.label_prices.source_xml import changed_since
from schemas.user_error import UserError

ANNOTATIONS = "Annotations"


@dataclasses.dataclass(frozen=True)
class Accepted:
    """What was answered, and what came of it.

    Attributes:
      yes, no, open: labels.
      annotations: that were written.
      made_anew: images whose annotation has no more than what ingest keeps.
      changed_since: images left out, since the data have another annotation than the
        list was made of.
      compared: whether the data were there to tell that.
      spans: of a window of spans, those whose annotations were written.
      corners_assumed: whether nothing told, of some, how their boxes count pixels.
    """

    yes: int
    no: int
    open: int
    annotations: int
    made_anew: list[str]
    changed_since: list[str]
    compared: bool
    spans: list[str] = dataclasses.field(default_factory=list)
    corners_assumed: bool = False

    def as_text(self, folder: str) -> str:
        """A line, and one for each thing that a person has to know of."""
        plural = "" if self.annotations == 1 else "s"
        over = [("the data", folder)]
        if self.spans:
            over = [(f"span {name}", f"{folder}/span-{name}") for name in self.spans]
        copies = [
            f"those of {what}: cp -r {shlex.quote(path)}/. DATA" for what, path in over
        ]
        lines = [
            f"{self.yes} yes, {self.no} no, {self.open} open: {self.annotations} "
            f"annotation{plural} in {folder}; to copy them over {'; '.join(copies)}"
        ]
        for said, images in (
            ("made anew, of what ingest keeps and no more", self.made_anew),
            ("left out, changed since the list was made", self.changed_since),
        ):
            if images:
                lines.append(f"{len(images)} {said}: {_named(images)}")
        if self.corners_assumed:
            lines.append(
                "the boxes count from 1, as VOC's do, where no report of ingest lies "
                "beside the TFRecords: in data that count otherwise they are a pixel "
                "off"
            )
        if not self.compared:
            lines.append(
                "not compared with the data: what was changed there since the list was "
                "made would be undone; to compare, name DATA"
            )
        return "".join(f"{line}\n" for line in lines)


def _named(images: list[str], most: int = 10) -> str:
    """The first of them, and how many more there are."""
    more = len(images) - most
    return ", ".join(images[:most]) + (f" and {more} more" if more > 0 else "")


def write_accepted(answers_path: str, folder: str, data: str = "") -> Accepted:
    """Writes an annotation for each image with a yes; the rest of it as it was.

    `data` is the data set, if not where the list says. Images whose annotation there is
    no longer that of the list are left out.
    """
    answers = read_answers(answers_path)
    yes = [label for label in answers.labels if label.answer == "yes"]
    if not yes:
        raise UserError(f"{answers_path} says yes to no label: there is nothing to do")
    changed = _changed(answers, yes, data)
    taken = [label for label in yes if label.image not in (changed or [])]
    if not taken:
        raise UserError(
            f"nothing is left to write, as all annotations were changed since the list "
            f"of {answers_path} was made: {_named(changed or [])}; make a new list"
        )
    try:
        with whole_folder(folder) as work:
            anew = write_annotations(answers, taken, work)
    except OSError as error:
        raise UserError(
            f"--output {folder} cannot be written ({error.strerror})"
        ) from error
    count = Counter(label.answer for label in answers.labels)
    return Accepted(
        yes=count["yes"],
        no=count["no"],
        open=count[""],
        annotations=len({label.image for label in taken}),
        made_anew=anew,
        changed_since=changed or [],
        compared=changed is not None,
        spans=_spans(taken) if answers.window else [],
        corners_assumed=answers.corners_assumed and bool(anew),
    )


def _changed(answers: PricedList, yes: list[Label], data: str) -> list[str] | None:
    """Of the images of these labels; None where that cannot be told."""
    pictures = {label.image: answers.images[label.image] for label in yes}
    if data:
        changed = changed_since(pictures, data)
        if changed is None:
            raise UserError(f"{data} has none of the annotations that the list is of")
        return changed
    place = answers.data  # of a URL nothing is read unasked: it takes rights
    there = os.path.isdir(place) or (os.path.isfile(place) and storage.is_tar(place))
    return changed_since(pictures, place) if there else None


def write_annotations(
    priced: PricedList, labels: list[Label], folder: str
) -> list[str]:
    """Writes the annotations of the images of these labels, as they lie in the data.

    Returns the images whose annotation was made anew.
    """
    of_image: dict[str, list[Label]] = defaultdict(list)
    for label in labels:
        of_image[label.image].append(label)
    anew = []
    for image_id, some in of_image.items():
        picture = priced.images[image_id]
        corners = priced.corners
        if priced.window:
            corners = priced.span_corners.get(_span(image_id), corners)
        proposal = proposed_annotation(picture, some, corners)
        path = _path(folder, image_id, picture.path, window=priced.window)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as sink:
            sink.write(proposal.raw)
        if proposal.anew:
            anew.append(image_id)
    return anew


def _spans(labels: list[Label]) -> list[str]:
    """Of the images of a window, in the order of their numbers."""
    return sorted({_span(one.image) for one in labels}, key=lambda one: (len(one), one))


def _span(image_id: str) -> str:
    return image_id.partition("/")[0]


def _path(folder: str, image_id: str, path: str, *, window: bool) -> str:
    """Where an annotation goes; UserError for a name that leads elsewhere."""
    place, name = os.path.join(folder, ANNOTATIONS), image_id
    if path:
        place = folder
    elif window:  # as if DATA were the span that the image is of
        name = image_id.partition("/")[2]
        place = os.path.join(folder, f"span-{_span(image_id)}", ANNOTATIONS)
    top, place = os.path.realpath(folder), os.path.realpath(place)
    inside = os.path.realpath(os.path.join(place, path or f"{name}.xml"))
    for inner, outer in ((place, top), (inside, place)):
        if os.path.commonpath([inner, outer]) != outer:
            raise UserError(f"image {image_id!r} would lie outside of the folder")
    return inside

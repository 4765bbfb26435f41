"""Suspicious labels as a page of pictures, the most valuable first."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

import components.report
from components.report.pictures import thumbnail_uri
from components.report.upright_view import UprightView
from schemas.detection_example import DetectionExample
from trainer.metrics.label_prices import (
    BOX,
    CLASS,
    DUPLICATE,
    OVERLOOKED,
    Suspicion,
)

_STYLE = Path(components.report.__file__).parent / "page.css"
_SAYS = {
    OVERLOOKED: "overlooked: a {new} is here",
    CLASS: "wrong class: this {old} is a {new}",
    BOX: "badly drawn: the {new} is here",
    DUPLICATE: "drawn twice: this {old} goes",
}


def render(
    suspicions: Sequence[Suspicion],
    examples: Mapping[int, DetectionExample],
    objects: Mapping[int, tuple[str, Sequence[float]]],
    class_names: Sequence[str],
    together: Mapping[str, Any],
    as_json: bytes,
) -> str:
    """The page.

    Args:
      suspicions: as they are ranked.
      examples: of their images, by number.
      objects: row of an object -> its class name and box, xyxy pixels.
      class_names: by class id.
      together: what is said of all: `AP` now and `mended`, `of` what.
      as_json: `labels.json`, which the page saves with the answers.
    """
    here = Path(__file__)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(here.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    cards = [
        _card(one, examples[one.image], objects, class_names) for one in suspicions
    ]
    template = environment.get_template(here.with_suffix(".html").name)
    return template.render(
        cards=cards,
        together=together,
        css=Markup(_STYLE.read_text("utf-8")),
        script=Markup(here.with_suffix(".js").read_text("utf-8")),
        labels=json.loads(as_json),
    )


def _card(
    one: Suspicion,
    example: DetectionExample,
    objects: Mapping[int, tuple[str, Sequence[float]]],
    class_names: Sequence[str],
) -> dict[str, Any]:
    old, old_box = objects.get(one.ground_truth, ("", None))
    left, top, width, height = one.box_xywh
    new_box: Sequence[float] | None = (left, top, left + width, top + height)
    new_name = f"✓ {class_names[one.class_id]}"
    if one.kind == DUPLICATE:
        new_box = None
    if one.kind == CLASS:  # it is renamed where it is
        old_box, new_box = None, old_box
        new_name = f"✗ {old} {new_name}"
    view = UprightView.of_file(example.encoded_image)
    return {
        "file": example.filename,
        "picture": thumbnail_uri(example.encoded_image),
        "says": _SAYS[one.kind].format(old=old, new=class_names[one.class_id]),
        "price": one.price,
        "sureness": one.sureness,
        "old": old_box and _percent(old_box, view),
        "new": new_box and _percent(new_box, view),
        "old_name": old,
        "new_name": new_name,
    }


def _percent(stored: Sequence[float], view: UprightView) -> dict[str, float]:
    (box,) = view.boxes(np.array([stored], np.float32)).tolist()
    width, height = view.size
    return {
        "left": 100 * box[0] / width,
        "top": 100 * box[1] / height,
        "width": 100 * (box[2] - box[0]) / width,
        "height": 100 * (box[3] - box[1]) / height,
    }

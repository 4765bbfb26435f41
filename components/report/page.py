"""The report as one HTML file that needs nothing beside it."""

import base64
import dataclasses
import html
from collections.abc import Mapping, Sequence
from string import Template
from typing import Any

_PAGE = Template(
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>$title</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto;
  padding: 0 1rem; color: #222 }
table { border-collapse: collapse } td, th { padding: .2rem .8rem; text-align: right;
  border-bottom: 1px solid #ddd } td:first-child, th:first-child { text-align: left }
.blessed { color: #1a7f37 } .not-blessed { color: #b3261e } img { max-width: 100% }
</style></head><body>
<h1>$title</h1>
<h2 class="$verdict_class">$verdict</h2>
<ul>$reasons</ul>
<h2>Detection quality</h2>
$metrics
<h2>Serving check</h2>
<ul>$serving</ul>
<h2>Detections on eval images</h2>
<p>Green: annotated. Red: detected, with its score.</p>
<img alt="eval images with detections" src="data:image/png;base64,$png">
<h2>Training</h2>
<img alt="loss, learning rate and mAP by epoch" src="data:image/png;base64,$curves">
</body></html>
"""
)
_SUMMARY = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100")


@dataclasses.dataclass(frozen=True)
class RunFindings:
    """What a run found out.

    Attributes:
      metrics: split -> model (`candidate`, `baseline`) -> metric name -> value, None
        where there is no ground truth to find.
      verdict: `blessed` and `reasons`.
      serving: `problems` and, where it was servable, `ms_per_image`.
      class_names: in the label map's order.
    """

    metrics: Mapping[str, Mapping[str, Mapping[str, float | None]]]
    verdict: Mapping[str, Any]
    serving: Mapping[str, Any]
    class_names: Sequence[str]


def render(findings: RunFindings, png: bytes, curves: bytes, title: str) -> str:
    """The page, with the pictures of detections and of the training inside it."""
    blessed = bool(findings.verdict["blessed"])
    serving = findings.serving["problems"] or [
        f"every signature answers; {findings.serving['ms_per_image']} ms per image"
    ]
    return _PAGE.substitute(
        title=html.escape(title),
        verdict="Blessed" if blessed else "Not blessed",
        verdict_class="blessed" if blessed else "not-blessed",
        reasons=_items(findings.verdict["reasons"]),
        serving=_items(serving),
        metrics="".join(_tables(findings)),
        png=base64.b64encode(png).decode(),
        curves=base64.b64encode(curves).decode(),
    )


def _items(texts: Sequence[str]) -> str:
    return "".join(f"<li>{html.escape(text)}</li>" for text in texts)


def _tables(findings: RunFindings) -> list[str]:
    tables = []
    for split, models in findings.metrics.items():
        rows: list[tuple[str, ...]] = [("model", *_SUMMARY)]
        rows += [
            (model, *(_percent(values.get(name)) for name in _SUMMARY))
            for model, values in models.items()
        ]
        tables += [f"<h3>{html.escape(split)}</h3>", _table(rows)]
        rows = [("class", "AP", "AP50")]
        candidate = models["candidate"]
        rows += [
            (
                name,
                _percent(candidate.get(f"AP/{name}")),
                _percent(candidate.get(f"AP50/{name}")),
            )
            for name in findings.class_names
        ]
        tables.append(_table(rows))
    return tables


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    cells = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    lines = [f"<tr>{cells}</tr>"]
    for row in body:
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in row)
        lines.append(f"<tr>{cells}</tr>")
    return "<table>" + "".join(lines) + "</table>"

"""The report as one HTML file that opens from disk without a network."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import vl_convert
from markupsafe import Markup

from components.report import charts, numbers
from components.report.bought import bought
from components.report.diagnostics import ALL_CLASSES, Diagnostics, diagnose
from components.report.findings import CANDIDATE, SERVED, Findings
from components.report.image_events import DETECTION_KINDS, ImageEvents, cut
from components.report.page_files import FACTS_MARK, LINKS_MARK
from components.report.pictures import SplitImages
from components.report.upright_view import UprightView

_HERE = Path(__file__).parent
_LOSSES = ("loss", "class_loss", "box_loss")
_METRICS = ("mAP", "AP50", "AR100")


def render(
    findings: Findings,
    events: Sequence[ImageEvents],
    images: SplitImages,
    *,
    data_page: str = "",
) -> str:
    """The page.

    Args:
      findings: about the run or the evaluation.
      events: of every image of the split, worst first; none where the model gave NaN.
      images: what is shown of them.
      data_page: file name of the page about the data, beside this one; or "".
    """
    diagnostics = {
        model: found
        for model in findings.columns
        if (found := diagnose(findings, model)) is not None
    }
    classes = numbers.by_class(findings)
    sizes = numbers.by_size(findings)
    slices = numbers.by_slice(findings, images.facts)
    named = numbers.by_named_slice(findings)
    return (
        _environment()
        .get_template("page.html")
        .render(
            findings=findings,
            verdict=findings.verdict,
            outcomes=_outcomes(findings),
            headline=numbers.headline(findings),
            tables=(
                ("class", classes),
                ("size of object", sizes),
                ("third of the images", slices),
                ("slice of gate.slices", named),
            ),
            charts=_charts(findings, diagnostics, (classes, sizes, slices, named)),
            bought=bought(findings, images.facts),
            errors=diagnostics,
            curve_classes=[ALL_CLASSES, *findings.class_names],
            browser=_browser(findings, events, images),
            embedded=len(images.pictures),
            data_page=data_page,
            links_mark=Markup(LINKS_MARK),
            facts_mark=Markup(FACTS_MARK),
            css=Markup((_HERE / "page.css").read_text("utf-8")),
            script=Markup((_HERE / "page.js").read_text("utf-8")),
            vega=Markup(_vega()),
            CANDIDATE=CANDIDATE,
            SERVED=SERVED,
        )
    )


@functools.cache
def _environment() -> jinja2.Environment:
    """Everything is escaped but what the program itself brings."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["ap"] = _ap
    environment.filters["change"] = lambda value: (
        "" if value is None else f"{value:+.3f}"
    )
    return environment


@functools.cache
def _vega() -> str:
    """Vega, Vega-Lite and their embedding: the program that draws the charts."""
    program = vl_convert.javascript_bundle()  # type: ignore[call-arg]
    return str(program).replace("</script", "<\\/script")


def _ap(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _outcomes(findings: Findings) -> list[dict[str, Any]]:
    """Rules of the gate, of an older verdict its sentences; and the serving check."""
    rows: list[dict[str, Any]] = []
    if findings.verdict is not None:
        told = findings.verdict.get("outcomes")
        rows = (
            list(told)
            if told
            else [
                {
                    "rule": "",
                    "value": reason,
                    "bound": "",
                    "passed": None,
                    "reason": reason,
                }
                for reason in findings.verdict["reasons"]
            ]
        )
    if findings.serving is not None:
        problems = findings.serving["problems"]
        time = findings.serving.get("ms_per_image")
        value = "; ".join(problems) or f"every signature answers; {time} ms per image"
        bound = "no problem"
        rows.append(
            {"rule": "serving check", "value": value, "bound": bound}
            | {"passed": not problems, "reason": value}
        )
        rows += findings.serving.get("budgets", ())
    return rows


def _charts(
    findings: Findings,
    diagnostics: Mapping[str, Diagnostics],
    tables: Sequence[Sequence[numbers.Row]],
) -> dict[str, charts.Spec]:
    """The name of a place on the page -> what is drawn there; no place without data."""
    classes, sizes, slices, named = tables
    drawn: dict[str, charts.Spec | None] = {
        "by-class": charts.ap_by(classes, "class"),
        "by-size": charts.ap_by(sizes, "size of object"),
        "by-slice": charts.ap_by(slices, "slice"),
        "by-named-slice": charts.ap_by(named, "slice that the gate judges"),
        "losses": charts.training(findings.history, _LOSSES, "Losses by epoch"),
        "metrics": charts.training(findings.history, _METRICS, "Metrics by epoch"),
    }
    if diagnostics:
        curves = {model: found.curves for model, found in diagnostics.items()}
        drawn |= {
            "precision-recall": charts.precision_recall(curves),
            "f1": charts.f1_by_threshold(curves),
            "error-prices": charts.error_prices(diagnostics),
        }
    if CANDIDATE in diagnostics:
        names = findings.class_names
        drawn["confusion"] = charts.confusion(diagnostics[CANDIDATE], names)
    return {place: spec for place, spec in drawn.items() if spec is not None}


def _browser(
    findings: Findings, events: Sequence[ImageEvents], images: SplitImages
) -> dict[str, Any]:
    """What the browser of images works on."""
    rows = []
    for image in events:
        fact = images.facts[image.image_id]
        picture = images.pictures.get(image.image_id)
        view = UprightView((fact.width, fact.height), fact.orientation)
        row = image.upright(view).as_json(with_boxes=picture is not None)
        row |= {"file": fact.filename}
        if picture is not None:
            width, height = view.size
            row |= {"picture": picture, "width": width, "height": height}
        rows.append(row)
    return {
        "images": rows,
        "kinds": DETECTION_KINDS,
        "classes": list(findings.class_names),
        "threshold": cut(findings.threshold),
        "floor": cut(min(findings.min_score, findings.threshold)),
    }

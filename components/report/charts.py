"""The charts, as Vega-Lite specifications that the page draws."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from components.report.diagnostics import ALL_CLASSES, Curve, Diagnostics
from components.report.findings import CANDIDATE, SERVED
from components.report.numbers import Row
from trainer.metrics.error_types import KINDS

Spec = dict[str, Any]
# Told apart by lightness and dash, too, not by colour alone.
_MODELS = alt.Scale(domain=[CANDIDATE, SERVED], range=["#2288cc", "#e69f00"])
_DASHES = alt.Scale(domain=[CANDIDATE, SERVED], range=[[1, 0], [5, 3]])
_LINES = [[1, 0], [5, 3], [2, 2], [8, 3]]
_PLOT_PX = 260
_MOST_LABELLED = 12  # classes, up to which a matrix holds its numbers as text
_MOST_NAME_PX = 170


def ap_by(rows: Sequence[Row], what: str) -> Spec | None:
    """Bars of AP, candidate and served side by side; None where no row has one."""
    values = [
        {"name": row.name, "model": model, "AP": value, "objects": row.objects}
        for row in rows
        for model, value in ((CANDIDATE, row.candidate), (SERVED, row.served))
        if value is not None
    ]
    if not values:
        return None
    part = alt.X("AP:Q", title="AP@[.50:.95]", scale=alt.Scale(domain=[0, 1]))
    told = (alt.Tooltip("AP:Q", format=".4f"), "objects:Q")
    chart = _bars(values, "name", part, told, _height(len(rows), 28))
    return _spec(chart, f"AP by {what}")


def precision_recall(curves: Mapping[str, Mapping[str, Curve]]) -> Spec:
    """Precision over recall of the class that the signal `class_name` names."""
    return _curves(curves, "recall", ("precision",), "Precision over recall at IoU .5")


def f1_by_threshold(curves: Mapping[str, Mapping[str, Curve]]) -> Spec:
    """F1 over the score from which on detections are kept."""
    return _curves(curves, "score", ("f1",), "F1 by least score, at IoU .5")


def _curves(
    curves: Mapping[str, Mapping[str, Curve]], x: str, ys: Sequence[str], title: str
) -> Spec:
    y = ys[0]
    label = {"f1": "F1", "score": "least score"}
    points = [
        point | {"class": name, "model": model, "best": point is curve.best}
        for model, of_model in curves.items()
        for name, curve in of_model.items()
        for point in curve.points
    ]
    one = alt.Scale(domain=[0, 1])
    chosen = alt.param(name="class_name", value=ALL_CLASSES)
    line = (
        alt.Chart()
        .mark_line(interpolate="linear", clip=True)
        .encode(
            strokeDash=alt.StrokeDash(
                "model:N", scale=_DASHES, legend=_models_of(points)
            )
        )
    )
    best = (
        alt.Chart()
        .mark_point(size=110, filled=True, shape="diamond", clip=True)
        .transform_filter("datum.best")
    )
    in_left_half = f"datum.{x} < 0.5"  # where there is more room on the right
    text = (
        alt.Chart()
        .mark_text(
            align=alt.expr(f"{in_left_half} ? 'left' : 'right'"),
            dx=alt.expr(f"{in_left_half} ? 10 : -10"),
            dy=alt.expr(f"{in_left_half} ? -2 : 14"),
        )
        .transform_filter(f"datum.best && datum.model == '{CANDIDATE}'")
        .transform_calculate(
            told="'best F1 ' + format(datum.f1, '.3f') + "
            "' from ' + format(datum.score, '.3f')"
        )
        .encode(text="told:N")
    )
    chart = (
        alt.layer(line, best, text, data=_data(points), height=_PLOT_PX)
        .encode(
            x=alt.X(f"{x}:Q", title=label.get(x, x), scale=one),
            y=alt.Y(f"{y}:Q", title=label.get(y, y), scale=one),
            color=_by_model(points),
            order=alt.Order("score:Q"),
            tooltip=[
                "class:N",
                "model:N",
                *(
                    alt.Tooltip(f"{n}:Q", format=".3f")
                    for n in ("score", "precision", "recall", "f1")
                ),
            ],
        )
        .transform_filter("datum.class == class_name")
        .add_params(chosen)
    )
    return _spec(chart, title)


def confusion(diagnostics: Diagnostics, class_names: Sequence[str]) -> Spec:
    """Rows: what is there; columns: what was detected; in parts of the row."""
    actual = [*class_names, "(background)"]
    detected = [*class_names, "(not found)"]
    matrix = diagnostics.confusion
    totals = matrix.sum(axis=1)
    cells = [
        {
            "there": actual[row],
            "detected": detected[column],
            "number": int(matrix[row, column]),
            "share": round(float(matrix[row, column] / max(totals[row], 1)), 4),
        }
        for row in range(len(actual))
        for column in range(len(detected))
        if row + column < 2 * len(class_names)  # nothing on nothing
    ]
    base = alt.Chart(_data(cells), height=_height(len(actual), 24)).encode(
        x=alt.X("detected:N", sort=None, axis=_names(labelAngle=-45)),
        y=alt.Y("there:N", sort=None, axis=_names(title="is there")),
        tooltip=[
            "there:N",
            "detected:N",
            "number:Q",
            alt.Tooltip("share:Q", format=".1%"),
        ],
    )
    colour = alt.Color(
        "share:Q", scale=alt.Scale(scheme="blues", domain=[0, 1]), legend=None
    )
    chart: Any = base.mark_rect().encode(color=colour)
    if len(class_names) <= _MOST_LABELLED:
        dark = alt.condition(
            "datum.share > 0.5", alt.value("white"), alt.value("black")
        )
        chart += base.mark_text().encode(text="number:Q", color=dark)
    return _spec(chart, "Confusion matrix")


def error_prices(diagnostics: Mapping[str, Diagnostics]) -> Spec:
    """TIDE: AP50 that mending each kind of error alone would bring."""
    values = [
        {
            "kind": kind,
            "model": model,
            "AP50 gained": round(price, 5),
            "errors": found.errors.counts[kind],
        }
        for model, found in diagnostics.items()
        for kind, price in found.errors.delta_ap.items()
    ]
    gained = alt.X("AP50 gained:Q", title="AP50 gained if mended")
    told = (alt.Tooltip("AP50 gained:Q", format=".4f"), "errors:Q")
    chart = _bars(values, "kind", gained, told, _height(len(KINDS), 30))
    return _spec(chart, "What each kind of error costs")


def training(
    history: Sequence[Mapping[str, float]], names: Sequence[str], title: str
) -> Spec | None:
    """Columns of the history over epochs, the epoch with the best mAP marked."""
    points = [
        {"epoch": row["epoch"], "what": name, "value": row[name]}
        for row in history
        for name in names
        if row.get(name, -1.0) >= 0
    ]
    if not points:
        return None
    order = [name for name in names if any(p["what"] == name for p in points)]
    drawn = alt.Chart(_data(points), height=180).encode(
        x=alt.X("epoch:Q", title="epoch"),
        y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=True)),
        color=alt.Color("what:N", legend=_legend(), scale=alt.Scale(domain=order)),
        tooltip=["epoch:Q", "what:N", alt.Tooltip("value:Q", format=".4g")],
    )
    # Of one domain and on the line alone, so that both make one legend.
    dashes = alt.Scale(domain=order, range=_LINES[: len(order)])
    dash = alt.StrokeDash("what:N", legend=_legend(), scale=dashes)
    lines = drawn.mark_line().encode(strokeDash=dash) + drawn.mark_point(filled=True)
    best = best_epoch(history)
    if best is None:
        return _spec(lines, title)
    told = [{"epoch": best, "told": f"best: epoch {best:g}"}]
    mark = alt.Chart(_data(told)).encode(x="epoch:Q")
    rule = mark.mark_rule(strokeDash=[2, 2], size=2)
    # Above the plot, where no curve is, and towards its middle, where there is room.
    is_late = 2 * best > max(row["epoch"] for row in history)
    text = mark.mark_text(align="right" if is_late else "left", baseline="bottom")
    text = text.encode(y=alt.value(-4), text="told:N")
    return _spec(lines + rule + text, title)


def best_epoch(history: Sequence[Mapping[str, float]]) -> float | None:
    """The epoch with the best mAP, of equal ones the first; None without any."""
    rows = [row for row in history if row.get("mAP", -1.0) >= 0]
    return max(rows, key=lambda row: row["mAP"])["epoch"] if rows else None


def _bars(
    values: Sequence[Mapping[str, Any]],
    what: str,
    length: alt.X,
    told: Sequence[Any],
    height_px: int,
) -> alt.Chart:
    """A row for each `what`; in it a bar of each model, `told` in its tooltip."""
    return (
        alt.Chart(_data(values), height=height_px)
        .mark_bar()
        .encode(
            x=length,
            y=alt.Y(f"{what}:N", sort=None, axis=_names(title=None)),
            yOffset=alt.YOffset("model:N", sort=[CANDIDATE, SERVED]),
            color=_by_model(values),
            tooltip=[f"{what}:N", "model:N", *told],
        )
    )


def _height(rows: int, row_px: int) -> int:
    """Of a chart with a row each; Vega-Lite fits no width where it finds the height."""
    return max(rows, 1) * row_px


def _data(values: Sequence[Mapping[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=list(values))


def _by_model(values: Sequence[Mapping[str, Any]]) -> alt.Color:
    return alt.Color("model:N", scale=_MODELS, legend=_models_of(values))


def _models_of(values: Sequence[Mapping[str, Any]]) -> alt.Legend | None:
    """A legend of the models that are drawn; Vega cannot draw one of none."""
    drawn = {value["model"] for value in values}
    if not drawn:
        return None
    return _legend(values=[name for name in (CANDIDATE, SERVED) if name in drawn])


def _legend(**options: Any) -> alt.Legend:
    return alt.Legend(orient="top", title=None, **options)


def _names(**options: Any) -> alt.Axis:
    return alt.Axis(labelLimit=_MOST_NAME_PX, **options)


def _spec(chart: Any, description: str) -> Spec:
    sized = chart.properties(
        width="container",
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        description=description,
    )
    spec: Spec = sized.to_dict()
    return spec

"""The report as one self-contained HTML page."""

import html
import importlib.resources
from collections import defaultdict
from collections.abc import Mapping

from components.example_gen.output import thumbnails as drawing
from components.example_gen.output.ingest_report import Report
from components.example_gen.rules import RULES
from components.example_gen.rules.rule import INFO
from components.example_gen.source.finding import Finding
from components.example_gen.source.item import Item
from schemas.single_box import Box

_SHOWN_A_REASON = 4
_PAIRS_SHOWN_A_REASON = 12


class Samples:
    """The first few findings of each reason that has something to show."""

    def __init__(self) -> None:
        self.by_reason: dict[str, list[Finding]] = defaultdict(list)

    def offer(self, finding: Finding) -> None:
        """Takes a finding while its reason has room."""
        shown = self.by_reason[finding.reason]
        room = _PAIRS_SHOWN_A_REASON if finding.other else _SHOWN_A_REASON
        if finding.severity != INFO and len(shown) < room:
            shown.append(finding)

    def image_ids(self) -> set[str]:
        """Ids of the images that the samples are about."""
        found = [finding for shown in self.by_reason.values() for finding in shown]
        others = {finding.other for finding in found if finding.other}
        return {finding.image_id for finding in found} | others


def render(report: Report, samples: Samples, items: Mapping[str, Item]) -> str:
    """Report, samples and their items by image id -> the page."""
    template = importlib.resources.files("components.example_gen.output").joinpath(
        "report_page.html"
    )
    values = {
        "headline": html.escape(report.headline()),
        "splits_from": html.escape(report.split_line()),
        "corners": html.escape(report.corners_line()),
        "warnings": "".join(
            f"<p>{html.escape(line)}</p>" for line in report.details["warnings"]
        ),
        "data": html.escape(str(report.details["data"])),
        "verdict": html.escape(str(report.details["verdict"])),
        "verdict_class": (
            "good" if report.details["verdict"] == "within budget" else "bad"
        ),
        "totals": _table(report.totals),
        "splits": _bars(report.splits),
        "classes": _bars(report.classes),
        "reasons": _reasons(report.reasons),
        "sizes": _bars(_powers(report.details["log2_area_rel"], percent=True)),
        "aspects": _bars(_powers(report.details["log2_aspect_ratio"], percent=False)),
        "counts": _bars(report.details["objects_per_image"]),
        "samples": _samples(samples, items),
    }
    page = template.read_text(encoding="utf-8")
    for name, value in values.items():
        page = page.replace(f"{{{{{name}}}}}", value)
    return page


def _table(rows: Mapping[str, object]) -> str:
    cells = "".join(
        f"<tr><th>{html.escape(name.replace('_', ' '))}</th><td>{value}</td></tr>"
        for name, value in rows.items()
    )
    return f"<table>{cells}</table>"


def _bars(counts: Mapping[str, int]) -> str:
    largest = max(counts.values(), default=0) or 1
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{count}</td>"
        f'<td class="bar"><i style="width:{100 * count / largest:.1f}%"></i></td></tr>'
        for name, count in counts.items()
    )
    return f"<table>{rows}</table>" if rows else "<p>none</p>"


def _powers(counts: Mapping[str, int], *, percent: bool) -> dict[str, int]:
    """Lower edges as exponents of 2 -> lower edges one can read."""
    return {
        (f"{100 * 2 ** float(low):.3g} %" if percent else f"{2 ** float(low):.3g}"): n
        for low, n in counts.items()
    }


def _reasons(reasons: Mapping[str, int]) -> str:
    rules = {rule.code: rule for rule in RULES}
    rows = "".join(
        f'<tr class="{rules[code].severity}"><th>{html.escape(code)}</th>'
        f"<td>{count}</td><td>{rules[code].severity}</td><td>{rules[code].action}</td>"
        f"<td>{html.escape(rules[code].summary)}</td></tr>"
        for code, count in reasons.items()
    )
    head = "<tr><th>reason</th><th>count</th><th>severity</th><th>action</th><th></th>"
    return f"<table>{head}</tr>{rows}</table>" if rows else "<p>none</p>"


def _samples(samples: Samples, items: Mapping[str, Item]) -> str:
    shown = [finding for found in samples.by_reason.values() for finding in found]
    figures = "".join(_figure(finding, items) for finding in shown)
    return f"<h2>Examples</h2>{figures}" if figures else ""


def _figure(finding: Finding, items: Mapping[str, Item]) -> str:
    drawn = _picture(items.get(finding.image_id), finding.box)
    if finding.other:
        drawn += _picture(items.get(finding.other), None)
    place = f", object {finding.object_index}" if finding.object_index >= 0 else ""
    return (
        f'<figure class="{finding.severity}">{drawn}<figcaption>'
        f"<b>{finding.reason}</b> {html.escape(finding.image_id)}{place}<br>"
        f"{html.escape(finding.detail)}</figcaption></figure>"
    )


def _picture(item: Item | None, box: Box | None) -> str:
    picture = drawing.thumbnail_uri(item, box) if item is not None else ""
    return f'<img src="{picture}" alt="">' if picture else "<p>no picture</p>"

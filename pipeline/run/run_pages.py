"""The pages of a root where one looks for them: the newest run's, and an index.

ROOT/report.html   about the model of the newest run
ROOT/data.html     about its data
ROOT/index.html    every run, with links to the pages that are still there
"""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

import components.report
from components.report.page_files import (
    DATA_PAGE_FILE,
    FACTS_MARK,
    LINKS_MARK,
    PAGE_FILE,
)
from pipeline.run.past_runs import PastRun, past_runs
from pipeline.run.summary import RunSummary

INDEX_FILE = "index.html"
_STYLE = Path(components.report.__file__).parent / "page.css"
_PAGES = {"model": PAGE_FILE, "data": DATA_PAGE_FILE}


def publish(root: str, summary: RunSummary) -> RunSummary:
    """Writes the pages; returns the summary with their paths."""
    made = Path(summary.report)
    page = made.read_text("utf-8")
    link = Markup('<a class="page" href="{}">all runs</a>').format(INDEX_FILE)
    page = page.replace(LINKS_MARK, link, 1).replace(FACTS_MARK, _facts(summary), 1)
    _write(Path(root, PAGE_FILE), page)
    data_page = made.with_name(DATA_PAGE_FILE)
    if data_page.exists():
        _write(Path(root, DATA_PAGE_FILE), data_page.read_text("utf-8"))
        summary = dataclasses.replace(
            summary, ingest_report=os.path.join(root, DATA_PAGE_FILE)
        )
    _write(Path(root, INDEX_FILE), render_index(root, past_runs(root)))
    return dataclasses.replace(summary, report=os.path.join(root, PAGE_FILE))


def render_index(root: str, runs: Sequence[PastRun]) -> str:
    """The page, the last run first; texts are escaped."""
    here = Path(__file__)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(here.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    template = environment.get_template(here.with_suffix(".html").name)
    rows = [
        (
            run,
            run.metrics.get(run.judged_on, {}),
            {about: _there(root, run, name) for about, name in _PAGES.items()},
        )
        for run in reversed(runs)
    ]
    return template.render(rows=rows, css=Markup(_STYLE.read_text("utf-8")))


def _there(root: str, run: PastRun, name: str) -> str:
    """Path from the root to a run's page; "" where it has none, or it was deleted."""
    path = os.path.join(run.report, name)
    return os.path.relpath(path, root) if run.report and os.path.exists(path) else ""


def _facts(summary: RunSummary) -> Markup:
    reused = sum(how == "reused" for how in summary.stages.values())
    facts = {
        "duration": f"{summary.seconds:.0f} s, {reused} of {len(summary.stages)} "
        "stages reused",
        "pushed": summary.pushed_path or f"not: {summary.why_not_pushed()}",
    }
    rows = (Markup("<dt>{}</dt><dd>{}</dd>").format(*fact) for fact in facts.items())
    return Markup("").join(rows)


def _write(path: Path, text: str) -> None:
    """Whole or not at all: somebody may have the page open."""
    aside = path.with_suffix(".tmp")
    aside.write_text(text, "utf-8")
    aside.replace(path)

"""The pages of a root where one looks for them: the newest run's, and an index.

ROOT/report.html   about the model of the newest run
ROOT/data.html     about its data
ROOT/index.html    every run, with links to the pages that are still there
"""

import dataclasses
import datetime
import os
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

import components.report
from components.evaluator.component import METRICS_FILE, VERDICT_FILE
from components.evaluator.evaluation import CANDIDATE
from components.report.page_files import (
    DATA_PAGE_FILE,
    FACTS_MARK,
    LINKS_MARK,
    PAGE_FILE,
)
from pipeline.run.record import read_json
from pipeline.run.summary import RunSummary

INDEX_FILE = "index.html"
_METADATA_FILE = "metadata.sqlite"
_STYLE = Path(components.report.__file__).parent / "page.css"
# The pages' folder, and those of what the index tells: as TFX lays a root out.
_REPORT = "ReportWriter/report"
_VERDICT = "DetectionEvaluator/blessing"
_METRICS = "DetectionEvaluator/evaluation_result"


@dataclasses.dataclass(frozen=True)
class IndexedRun:
    """A line of the index; texts and numbers are empty where a run did not get there.

    `page` and `data_page` are paths from the root, or "".
    """

    number: int
    began: str
    verdict: str
    reasons: str
    split: str
    ap: float | None
    ap50: float | None
    page: str
    data_page: str


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
    _write(Path(root, INDEX_FILE), render_index(indexed_runs(root)))
    return dataclasses.replace(summary, report=os.path.join(root, PAGE_FILE))


def indexed_runs(root: str) -> list[IndexedRun]:
    """Every run of the root, the newest first."""
    config = metadata.sqlite_metadata_connection_config(
        os.path.join(root, _METADATA_FILE)
    )
    store = metadata_store.MetadataStore(config)
    runs = sorted(store.get_contexts_by_type("pipeline_run"), key=lambda run: -run.id)
    return [_indexed(root, store, run) for run in runs]


def render_index(runs: list[IndexedRun]) -> str:
    """The page; texts are escaped."""
    here = Path(__file__)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(here.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    template = environment.get_template(here.with_suffix(".html").name)
    return template.render(runs=runs, css=Markup(_STYLE.read_text("utf-8")))


def _indexed(
    root: str,
    store: metadata_store.MetadataStore,
    run: metadata_store_pb2.Context,
) -> IndexedRun:
    folders = {
        os.path.dirname(os.path.relpath(artifact.uri, root)): artifact.uri
        for artifact in store.get_artifacts_by_context(run.id)
    }
    verdict = _json(folders, _VERDICT, VERDICT_FILE)
    split = verdict.get("split", "")
    metrics = _json(folders, _METRICS, METRICS_FILE).get(split, {}).get(CANDIDATE, {})
    began = datetime.datetime.fromtimestamp(
        run.create_time_since_epoch / 1000, datetime.UTC
    )
    told = {True: "blessed", False: "not blessed", None: "did not get to a verdict"}
    return IndexedRun(
        number=run.id,
        began=began.strftime("%Y-%m-%d %H:%M UTC"),
        verdict=told[verdict.get("blessed")],
        reasons="; ".join(verdict.get("reasons", ())),
        split=split,
        ap=metrics.get("AP"),
        ap50=metrics.get("AP50"),
        page=_there(root, folders, PAGE_FILE),
        data_page=_there(root, folders, DATA_PAGE_FILE),
    )


def _json(folders: dict[str, str], output: str, name: str) -> dict[str, Any]:
    folder = folders.get(output, "")
    if not os.path.exists(os.path.join(folder, name)):
        return {}
    values: dict[str, Any] = read_json(folder, name)
    return values


def _there(root: str, folders: dict[str, str], name: str) -> str:
    path = os.path.join(folders.get(_REPORT, ""), name)
    return os.path.relpath(path, root) if os.path.exists(path) else ""


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

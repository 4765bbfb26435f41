import html5lib
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
HTML = "{http://www.w3.org/1999/xhtml}"


@pytest.fixture(scope="module")
def a_run():
    """A run of the store, blessed and pushed unless it is said otherwise."""
    from pipeline.run.past_runs import PastRun

    def make(**changes):
        values = {
            "run": 7,
            "began": "2026-11-27T15:00:00+00:00",
            "seconds": 62.4,
            "data": "a & b",
            "span": "",
            "state": "pushed",
            "stopped_in": "",
            "metrics": {"test": {"AP": 0.5, "AP50": None}},
            "judged_on": "test",
            "reasons": ('class <b>&" is fine',),
            "pushed": "12",
            "report": "",
            "stages": {},
        }
        return PastRun(**values | changes)

    return make


def test_the_index_has_every_run_and_links_the_pages_that_are_there(a_run, tmp_path):
    from pipeline.run.run_pages import render_index

    folder = tmp_path / "ReportWriter" / "report" / "11"
    folder.mkdir(parents=True)
    (folder / "report.html").touch()
    runs = [
        a_run(
            run=6, state="unfinished", stopped_in="Trainer", judged_on="", metrics={}
        ),
        a_run(report=str(folder)),
    ]
    page = render_index(str(tmp_path), runs)

    document = html5lib.HTMLParser(strict=True).parse(page)
    newest, stopped = list(document.iter(HTML + "tr"))[1:]
    told = [cell.text for cell in newest.iter(HTML + "td")]
    assert newest.get("title") == 'class <b>&" is fine'
    assert told[1:7] == ["62 s", "a & b ", "test", "0.5000", "-", "✓ pushed as 12"]
    links = [a.get("href") for a in newest.iter(HTML + "a")]
    assert links == ["ReportWriter/report/11/report.html"]
    assert "stopped Trainer" in [cell.text for cell in stopped.iter(HTML + "td")]
    assert not list(stopped.iter(HTML + "a"))

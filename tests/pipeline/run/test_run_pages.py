import html5lib
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
HTML = "{http://www.w3.org/1999/xhtml}"


@pytest.fixture(scope="module")
def run_pages():
    from pipeline.run import run_pages

    return run_pages


def a_run(run_pages, **changes):
    values = {
        "number": 7,
        "began": "2026-11-27 15:00 UTC",
        "verdict": "blessed",
        "reasons": 'class <b>&" is fine',
        "split": "test",
        "ap": 0.5,
        "ap50": None,
        "page": "ReportWriter/report/11/report.html",
        "data_page": "",
    }
    return run_pages.IndexedRun(**values | changes)


def test_the_index_links_the_pages_that_are_there(run_pages):
    runs = [a_run(run_pages), a_run(run_pages, number=6, page="")]
    document = html5lib.HTMLParser(strict=True).parse(run_pages.render_index(runs))
    rows = list(document.iter(HTML + "tr"))[1:]
    told = [[cell.text for cell in row.iter(HTML + "td")] for row in rows]
    assert rows[0].get("title") == 'class <b>&" is fine'
    assert told[0][1:5] == ["blessed", "test", "0.5000", "-"]
    assert [a.get("href") for a in rows[0].iter(HTML + "a")] == [
        "ReportWriter/report/11/report.html"
    ]
    assert told[1][5] == "deleted"

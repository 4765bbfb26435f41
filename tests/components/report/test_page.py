import dataclasses
import json

import html5lib
import numpy as np
import pytest

from components.report.page_files import FACTS_MARK, LINKS_MARK

pytestmark = pytest.mark.filterwarnings("ignore")
HTML = "{http://www.w3.org/1999/xhtml}"


@pytest.fixture(scope="module")
def render(make_findings, split_images):
    from components.report import page
    from components.report.image_events import image_events

    def render(findings=None, with_picture=("b",)):
        findings = findings or make_findings()
        events = image_events(findings)
        images = split_images([e.image_id for e in events], with_picture)
        return page.render(findings, events, images, data_page="data.html")

    return render


@pytest.fixture(scope="module")
def page(render):
    return render()


@pytest.fixture(scope="module")
def document(page):
    return html5lib.HTMLParser(strict=True).parse(page)


def texts(document, section, tag):
    (place,) = [e for e in document.iter() if e.get("id") == section]
    return ["".join(e.itertext()).strip() for e in place.iter(HTML + tag)]


def data_of(document, name):
    (script,) = [e for e in document.iter(HTML + "script") if e.get("id") == name]
    return json.loads(script.text)


def test_the_page_is_html_that_needs_nothing_beside_it(document):
    links = [
        element.get(name)
        for element in document.iter()
        for name in ("src", "href")
        if element.get(name)
    ]
    assert {link for link in links if not link.startswith("#")} == {"data.html"}


def test_a_class_name_that_looks_like_html_is_text_everywhere(document):
    assert not list(document.iter(HTML + "b")) or all(
        b.text in ("0.500",) for b in document.iter(HTML + "b")
    )
    assert '<b>&"' in texts(document, "classes", "th")
    assert '<b>&"' in texts(document, "images", "option")
    assert data_of(document, "browser")["classes"] == ['<b>&"', "dog"]
    assert texts(document, "made-from", "dd")[0] == "a & b"


def test_the_verdict_comes_first_as_a_table_of_rules(document):
    sections = [e.get("id") for e in document.iter(HTML + "section")]
    assert sections[0] == "verdict"
    assert texts(document, "verdict", "h2") == ["✗ Not blessed"]
    rows = texts(document, "verdict", "td")
    assert texts(document, "verdict", "th")[4:] == ["mAP", "AP50", "serving check"]
    assert rows[:3] == ["0.5", "0.6", "✗ refuses"]
    assert rows[3:6] == ["0.7", "0.6", "✓ holds"]
    assert rows[6] == "every signature answers; 12.5 ms per image"


def test_a_verdict_of_an_earlier_release_shows_its_sentences(render, make_findings):
    earlier = {"blessed": True, "reasons": ["AP50 is fine"], "split": "test"}
    document = html5lib.parse(render(make_findings(verdict=earlier)))
    assert texts(document, "verdict", "td")[0] == "AP50 is fine"


def test_a_picture_is_there_for_some_and_a_name_for_all(document):
    images = data_of(document, "browser")["images"]
    assert images[0]["file"] == "b.jpg"
    assert len(images) == 4
    assert [image["id"] for image in images if "picture" in image] == ["b"]
    assert "1 of 4 images are shown" in texts(document, "images", "p")[0]


def test_the_best_epoch_is_marked(document):
    chart = json.dumps(data_of(document, "charts")["metrics"])
    assert "best: epoch 2" in chart


@pytest.mark.parametrize(("best", "align"), [(1, "left"), (14, "right")])
def test_the_best_epochs_name_is_where_no_curve_can_be(best, align):
    from components.report import charts

    history = [{"epoch": e, "mAP": 1.0 if e == best else 0.99} for e in range(1, 15)]
    spec = charts.training(history, ("mAP",), "Metrics by epoch")
    (text,) = [one for one in spec["layer"] if one["mark"]["type"] == "text"]
    assert text["encoding"]["y"]["value"] < 0  # 0 is the top of the plot
    assert text["mark"]["baseline"] == "bottom"
    assert text["mark"]["align"] == align  # towards the middle: it is never cut off


def test_without_verdict_training_or_served_model_the_rest_is_there(
    render, make_findings
):
    alone = make_findings(served=False, verdict=None, serving=None, history=())
    document = html5lib.HTMLParser(strict=True).parse(render(alone))
    sections = {e.get("id") for e in document.iter(HTML + "section")}
    assert not sections & {"verdict", "training"}
    assert {"classes", "curves", "errors", "images"} <= sections
    assert "change" not in texts(document, "classes", "th")


def test_without_a_hit_no_threshold_is_marked_as_the_best(make_findings):
    from components.report.diagnostics import ALL_CLASSES, diagnose
    from components.report.findings import CANDIDATE

    best = {
        name: curve.best and curve.best["score"]
        for name, curve in diagnose(make_findings(), CANDIDATE).curves.items()
    }
    # Class 0 is found by .9; of dogs .4 finds one. All together: at .4 2 of 3, and 4
    # alarms: F1 4 / 9; at .9 1 of 3: 2 / 4.
    assert best == {ALL_CLASSES: 0.9, '<b>&"': 0.9, "dog": 0.4}
    nothing = make_findings(thresholds={"split": "eval", "overall": None})
    wrong = dataclasses.replace(nothing.columns[CANDIDATE])
    wrong = dataclasses.replace(wrong, boxes=wrong.boxes + 500)
    nothing = dataclasses.replace(nothing, columns={CANDIDATE: wrong})
    curves = diagnose(nothing, CANDIDATE).curves
    assert all(curve.best is None for curve in curves.values())


def test_the_ends_of_a_run_find_their_places_once(page):
    assert page.count(LINKS_MARK) == page.count(FACTS_MARK) == 1


def test_a_model_that_gives_no_numbers_still_has_a_page(make_findings, split_images):
    from components.report import page
    from components.report.findings import CANDIDATE

    findings = make_findings(served=False)
    columns = findings.columns[CANDIDATE]
    scores = np.full_like(columns.scores, np.nan)
    broken = dataclasses.replace(
        findings, columns={CANDIDATE: dataclasses.replace(columns, scores=scores)}
    )
    images = split_images(["a", "b", "c", "d"])
    assert "The model gave NaN or infinity" in page.render(broken, [], images)


def test_slices_that_the_gate_names_have_a_row_each(make_findings, split_images):
    from components.evaluator.config import SliceFloor
    from components.report import numbers, page

    slices = (
        SliceFloor(name="<i>dogs", class_name="dog", min_map=0.1),
        SliceFloor(name="large", object_side=(50, 99), min_map=0.1),
    )
    findings = make_findings(slices=slices)
    dogs, large = numbers.by_named_slice(findings)

    # Alarm .8 of b, hits .6 (difficult: neither), alarm .5, hit .4; one object: the
    # hit comes behind two alarms, at a precision of 1/3.
    assert (dogs.name, dogs.objects, dogs.images) == ("<i>dogs", 1, 4)
    assert dogs.candidate == dogs.served == pytest.approx(1 / 3, abs=1e-6)
    assert (large.objects, large.candidate, large.served) == (0, None, None)
    shown = page.render(findings, [], split_images(["a", "b", "c", "d"]))
    told = '<th scope="row">&lt;i&gt;dogs</th><td>1</td><td>4</td><td>0.333</td>'
    assert told in shown
    assert '"by-named-slice"' in shown
    alone = make_findings(slices=slices, served=False)
    assert numbers.by_named_slice(alone)[0].served is None


def test_quality_by_size_and_slice_counts_its_objects(make_findings, split_images):
    from components.report import numbers

    findings = make_findings()
    # the dog of c is difficult, and is not looked for
    classes = numbers.by_class(findings)
    assert [(row.objects, row.images) for row in classes] == [(2, 2), (1, 1)]
    # 20 x 30 px: all small; the difficult one does not count.
    sizes = numbers.by_size(findings)
    assert [row.objects for row in sizes] == [3, 0, 0]
    assert [row.name for row in sizes] == [
        "small: 0 to 32 px squared",
        "medium: 32 to 96 px squared",
        "large: from 96 px squared",
    ]
    rows = numbers.by_slice(findings, split_images(["a", "b", "c", "d"]).facts)
    darkest = rows[0]
    assert darkest.name == "brightness 0 to 0.1"
    assert (darkest.images, darkest.objects) == (2, 3)
    # Of its images alone. Class 0: hit .9, alarm .7, alarm .1, two objects: 51 of 101
    # recalls at precision 1. Dog: alarm .8, hit .4, one object: precision .5.
    assert darkest.candidate == pytest.approx((51 / 101 + 0.5) / 2, abs=1e-6)
    assert darkest.change == 0
    # a has two objects, b and c one, d none: a third ends at 1, as does the next
    assert [row.name for row in rows[-2:]] == [
        "objects per image 0 to 1",
        "objects per image 2",
    ]

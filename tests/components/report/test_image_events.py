import pytest

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def by_id(make_findings):
    from components.report.image_events import image_events

    return {image.image_id: image for image in image_events(make_findings())}


def kinds(image):
    from components.report.image_events import DETECTION_KINDS

    return [
        (DETECTION_KINDS[kind], name, round(s, 4)) for kind, name, s, _ in image.found
    ]


def test_every_detection_has_its_kind(by_id):
    assert kinds(by_id["a"]) == [("hit", 0, 0.9), ("hit", 1, 0.4)]
    # one on an object of another class, one on nothing; .1 is below what is shown
    assert kinds(by_id["b"]) == [("classification", 1, 0.8), ("background", 0, 0.7)]
    # the difficult object takes one, which counts neither way; the other finds none
    assert kinds(by_id["c"])[0] == ("on a difficult object", 1, 0.6)


def test_an_object_knows_the_score_that_finds_it(by_id):
    found = [
        (name, round(score, 4), hard) for name, score, hard, _ in by_id["a"].objects
    ]
    assert found == [(0, 0.9, False), (1, 0.4, False)]
    assert [score for _, score, _, _ in by_id["b"].objects] == [0]


def test_the_worst_image_comes_first(make_findings):
    from components.report.image_events import image_events

    # At .5: b has two false alarms and a miss, a one miss (its .4), d nothing.
    events = image_events(make_findings())
    errors = {image.image_id: image.errors for image in events}
    assert events[0].image_id == "b"
    assert errors["b"] == 3
    assert errors["a"] == 1
    assert errors["d"] == 0


def test_a_score_is_cut_not_rounded(by_id):
    from components.report.image_events import ImageEvents

    image = ImageEvents("x", [(0, 0, 0.38999, [0.0, 0, 1, 1])], [], 0)
    assert image.as_json(with_boxes=False)["found"] == [[0, 0, 0.3899]]
    assert image.as_json(with_boxes=True)["found"][0][3] == [0.0, 0, 1, 1]

"""What mended labels bought, on images whose AP is worked out by hand."""

import dataclasses

import pytest

LEFT, RIGHT = [0, 0, 20, 30], [20, 0, 40, 30]
NAMES = ('<b>&"', "dog")


@pytest.fixture
def judged(make_findings, make_image, split_images):
    """Findings of three dogs, all found, and what their labels were."""
    from schemas.mended_labels import DrawnObject, MendedLabel, to_text

    images = (
        make_image("a", [(1, LEFT)], [(1, LEFT, 0.9)]),
        make_image("b", [(1, LEFT)], [(1, LEFT, 0.8)]),
        make_image("c", [(1, RIGHT)], [(1, RIGHT, 0.95)]),
    )

    def dog(box, name="dog"):
        return DrawnObject(name, tuple(box), False)

    records = {
        "a": [MendedLabel(dog(LEFT, NAMES[0]), dog(LEFT))],
        "c": [MendedLabel(None, dog(RIGHT))],
    }
    facts = split_images(["a", "b", "c"]).facts | {}
    for image_id, record in records.items():
        facts[image_id] = dataclasses.replace(facts[image_id], mended=to_text(record))
    return make_findings(images), facts


def test_the_same_detections_are_judged_on_the_labels_before_and_after(judged):
    from components.report.bought import bought

    told = bought(*judged)

    # Before: of dogs b alone, behind two false alarms: a precision of 1/3. Of the other
    # class one object, a, that nothing found. After: three dogs, all of them found.
    for row in told.models:
        assert row.before == pytest.approx((1 / 3 + 0) / 2, abs=1e-6)
        assert row.after == pytest.approx(1, abs=1e-6)
        assert row.bought == pytest.approx(5 / 6, abs=1e-6)
    assert [row.model for row in told.models] == ["candidate", "served"]
    assert str(told) == "2 mended labels (1 added, 1 renamed) in 2 images."


def test_a_class_that_no_label_has_any_more_and_boxes_that_were_others(judged):
    from components.report.bought import bought
    from schemas.mended_labels import DrawnObject, MendedLabel, to_text

    findings, facts = judged
    now = DrawnObject("dog", tuple(LEFT), False)
    # half as wide: an IoU of .5, which one of the ten thresholds takes for a hit
    redrawn = MendedLabel(DrawnObject("dog", (0, 0, 10, 30), False), now)
    gone = MendedLabel(DrawnObject("wolf", tuple(RIGHT), False), None)
    record = to_text([redrawn, gone])
    facts = {name: dataclasses.replace(fact, mended="") for name, fact in facts.items()}
    facts["a"] = dataclasses.replace(facts["a"], mended=record)
    told = bought(findings, facts)

    # By falling score c, a, b: at .5 all hit. Above it a is a false alarm: c at a
    # precision of 1, up to 1/3 of the recall; b at 2/3, up to 2/3 of it: 34 and 33 of
    # 101 recalls. Wolf: one object, not found.
    above = (34 + 33 * 2 / 3) / 101
    before = ((1 + 9 * above) / 10 + 0) / 2
    assert told.models[0].before == pytest.approx(before, abs=1e-6)
    assert str(told) == "2 mended labels (1 redrawn, 1 taken away) in 1 image."


def test_labels_that_were_changed_since_and_damaged_records_are_told(judged):
    from components.report.bought import bought
    from schemas.mended_labels import DrawnObject, MendedLabel, to_text

    findings, facts = judged
    elsewhere = DrawnObject("dog", (0.0, 0.0, 20.0, 29.5), False)
    facts["a"] = dataclasses.replace(
        facts["a"], mended=to_text([MendedLabel(None, elsewhere)])
    )
    facts["b"] = dataclasses.replace(facts["b"], mended='[["dog"]]')
    told = bought(findings, facts)

    assert str(told) == (
        "1 mended label (1 added) in 1 image. 1 mended label was changed again since. "
        "The record in 1 image cannot be read."
    )


def test_one_put_back_and_one_flagged_by_hand_are_changed_since(judged):
    from components.report.bought import bought
    from schemas.mended_labels import DrawnObject, MendedLabel, to_text

    findings, facts = judged
    here = DrawnObject("dog", tuple(LEFT), False)  # as image a and b have one
    records = {
        "a": [MendedLabel(here, None)],  # it went, and is there
        "b": [MendedLabel(None, here._replace(difficult=True))],
        "c": [],
    }
    for image_id, record in records.items():
        facts[image_id] = dataclasses.replace(facts[image_id], mended=to_text(record))
    told = bought(findings, facts)

    assert str(told) == "2 mended labels were changed again since."
    for row in told.models:  # as they are: three dogs, all found
        assert row.before == row.after == pytest.approx(1, abs=1e-6)
    nothing = {name: dataclasses.replace(f, mended="[]") for name, f in facts.items()}
    assert bought(findings, nothing) is None


def test_one_that_went_is_not_put_back_by_another_that_became_the_same(judged):
    """A cat was a second dog: the dog drawn twice went, and the cat was renamed."""
    from components.report.bought import bought
    from schemas.mended_labels import DrawnObject, MendedLabel, to_text

    findings, facts = judged
    dog = DrawnObject("dog", tuple(RIGHT), False)
    record = [MendedLabel(dog, None), MendedLabel(dog._replace(class_name="cat"), dog)]
    facts = {name: dataclasses.replace(fact, mended="") for name, fact in facts.items()}
    facts["c"] = dataclasses.replace(facts["c"], mended=to_text(record))
    told = bought(findings, facts)

    assert str(told) == "2 mended labels (1 renamed, 1 taken away) in 1 image."
    # Before: a, b and c have a dog each, all found; and a cat, which nothing found.
    assert told.models[0].before == pytest.approx((1 + 0) / 2, abs=1e-6)


def test_the_page_says_it_and_is_silent_where_nothing_was_mended(judged, split_images):
    from components.report import page
    from components.report.pictures import SplitImages

    findings, facts = judged
    shown = page.render(findings, [], SplitImages(facts, {}))
    row = '<th scope="row">served</th><td>0.167</td><td>1.000</td><td>+0.833</td>'
    assert row in shown
    untouched = page.render(findings, [], split_images(["a", "b", "c"]))
    assert "mended-labels" not in untouched

"""Which served version a retraining starts from."""

import pytest

from components.baseline import history, served_models
from components.baseline.push import push
from components.baseline.push_record import PushRecord


@pytest.fixture
def push_one(schedule):
    """Pushes a model with these weights, judged against what serves; its path."""

    def run(weights):
        export = schedule.folder / f"export-{weights}"
        export.mkdir()
        (export / "saved_model.pb").write_text(weights)
        destination = str(schedule.root / "served")
        served = served_models.baseline(destination)
        record = PushRecord(
            fingerprint=weights,
            judged_against=served.identity if served else "",
            model_digest=served_models.model_digest(str(export)),
        )
        return push(str(export), destination, record).path

    return run


def started_from(schedule):
    return [config.trainer.model.initial_model for config, _, _ in schedule.runs]


def test_where_nothing_serves_a_training_starts_anew(schedule):
    schedule.add_span(7)
    result = schedule.call(warm_start=True)

    assert started_from(schedule) == [""]
    assert result.initial_model == ""
    assert schedule.said[-1].endswith(
        "weights start from nothing, for nothing serves yet"
    )


def test_it_starts_from_what_serves_only_where_that_is_asked_for(schedule, push_one):
    served = push_one("first")
    schedule.add_span(7)
    schedule.call(warm_start=True)
    schedule.add_span(8)
    schedule.call()

    assert started_from(schedule) == [served, ""]
    assert f"weights start from {served}" in schedule.said[0]


def test_one_that_was_killed_after_its_push_does_not_start_from_its_own_product(
    schedule, push_one, killed
):
    first = push_one("first")
    schedule.add_span(7)
    with pytest.raises(type(killed)):
        schedule.call(killed, warm_start=True)
    push_one("its product")
    schedule.call(warm_start=True)

    assert started_from(schedule) == [first, first]


def test_nor_does_the_very_first_one(schedule, push_one, killed):
    schedule.add_span(7)
    with pytest.raises(type(killed)):
        schedule.call(killed, warm_start=True)
    push_one("its product")
    schedule.call(warm_start=True)

    assert started_from(schedule) == ["", ""]


def test_weights_that_were_withdrawn_meanwhile_are_not_started_from(
    schedule, push_one, killed
):
    good, bad = push_one("good"), push_one("bad")
    schedule.add_span(7)
    with pytest.raises(type(killed)):
        schedule.call(killed, warm_start=True)
    digest = served_models.model_digest(bad)
    decision = history.Decision(
        action=history.REJECT, version=int(bad.rpartition("/")[2]), model_digest=digest
    )
    history.write_down(str(schedule.root / "served"), history.signed(decision))
    schedule.call(warm_start=True)

    assert started_from(schedule) == [bad, good]

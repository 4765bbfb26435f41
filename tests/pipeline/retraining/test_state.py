import pytest

from pipeline.retraining.state import (
    Attempt,
    Outcome,
    RetrainingState,
    now,
    read_state,
    write_state,
)
from schemas.user_error import UserError

ATTEMPT = Attempt(
    span=8, data_digest="d", window=(7, 8), initial_model=None, began=now()
)


def test_what_is_written_is_read_back(tmp_path):
    outcome = Outcome(attempt=ATTEMPT, what="outrun", ended=now(), reason='"ä"\n')
    state = RetrainingState(running=ATTEMPT, failures=2, outcomes=(outcome,))
    write_state(str(tmp_path), state)

    assert read_state(str(tmp_path)) == state
    assert [path.name for path in tmp_path.iterdir()] == ["retraining.json"]


def test_a_root_without_a_file_remembers_nothing(tmp_path):
    assert read_state(str(tmp_path)) == RetrainingState()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"failures": "two"}', '{"x": 1}'])
def test_a_damaged_file_is_told_and_how_to_mend_it(tmp_path, text):
    (tmp_path / "retraining.json").write_text(text)

    with pytest.raises(UserError, match=r"retraining\.json is damaged .*delete it"):
        read_state(str(tmp_path))


def test_a_write_that_is_cut_off_leaves_the_old_state(tmp_path, monkeypatch):
    write_state(str(tmp_path), RetrainingState(failures=1))
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        write_state(str(tmp_path), RetrainingState(failures=2))

    assert read_state(str(tmp_path)).failures == 1


def test_only_the_newest_outcomes_are_kept(tmp_path):
    state = RetrainingState()
    for number in range(205):
        outcome = Outcome(attempt=ATTEMPT, what="crashed", ended=str(number))
        state = state.ended(outcome)

    assert len(state.outcomes) == 200
    assert state.outcomes[-1].ended == "204"

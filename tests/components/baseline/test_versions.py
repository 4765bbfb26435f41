import shutil

import pytest

from components.baseline import history, served_models
from components.baseline.push import NotPushedError, push
from components.baseline.push_record import PushRecord
from components.baseline.versions import collect_garbage, reject, rollback
from schemas.user_error import UserError


@pytest.fixture
def served(tmp_path):
    return str(tmp_path / "served")


@pytest.fixture
def pushed(tmp_path, served):
    """Pushes a model of the given weights, judged against the baseline of now."""

    def pushed(weights, because=""):
        folder = tmp_path / f"model-{weights}"
        (folder / "variables").mkdir(parents=True, exist_ok=True)
        (folder / "saved_model.pb").write_bytes(b"graph")
        (folder / "variables" / "variables.index").write_text(weights)
        record = PushRecord(
            fingerprint="f",
            judged_against=served_models.baseline_identity(served, ""),
            model_digest=served_models.model_digest(str(folder)),
            because=because,
        )
        return push(str(folder), served, record).version

    return pushed


def weights(served, version):
    path = f"{served}/{version}/variables/variables.index"
    with open(path) as file:
        return file.read()


def numbers(served):
    return [model.version for model in served_models.served_models(served)]


def test_a_rollback_serves_the_earlier_model_under_a_higher_number(served, pushed):
    pushed("one")
    two = pushed("two")

    back = rollback(served, None, "it misses every dog")

    assert numbers(served)[-1] == back.version > two
    assert weights(served, back.version) == "one"
    assert back.record.copy_of == numbers(served)[0]


def test_what_was_rolled_back_is_written_down_with_who_when_and_why(served, pushed):
    pushed("one")
    two = pushed("two")
    back = rollback(served, None, "it misses every dog")

    decision = history.decisions(served)[-1]

    assert (decision.action, decision.version) == ("rollback", two)
    assert decision.serves == back.version
    assert decision.because == "it misses every dog"
    assert decision.who == history.me()
    assert decision.when.startswith("20")


def test_what_was_rolled_back_is_not_pushed_again_and_is_no_baseline(served, pushed):
    pushed("one")
    two = pushed("two")
    back = rollback(served, None, "it misses every dog")

    with pytest.raises(NotPushedError, match="very model was withdrawn"):
        pushed("two")

    assert served_models.baseline(served) == back
    (served_path,) = [m.path for m in served_models.served_models(served)][-1:]
    assert served_path.endswith(str(back.version))
    # Even where somebody deletes the copy by hand and the server falls back to it.
    shutil.rmtree(back.path)
    assert numbers(served)[-1] == two
    assert served_models.baseline(served).version == numbers(served)[0]


def test_a_second_rollback_goes_further_back(served, pushed):
    for name in ("one", "two", "three"):
        pushed(name)

    assert weights(served, rollback(served, None, "bad").version) == "two"
    assert weights(served, rollback(served, None, "bad, too").version) == "one"
    with pytest.raises(UserError, match="no earlier model that nobody withdrew"):
        rollback(served, None, "all bad")


def test_a_version_can_be_named(served, pushed):
    one = pushed("one")
    pushed("two")
    pushed("three")

    assert weights(served, rollback(served, one, "bad").version) == "one"
    with pytest.raises(UserError, match="has no version 5; there are: "):
        rollback(served, 5, "bad")


def test_nothing_to_go_back_from_is_one_line(served):
    with pytest.raises(UserError, match="serves nothing"):
        rollback(served, None, "bad")


def test_a_model_that_a_person_blesses_is_pushed_though_it_was_withdrawn(
    served, pushed
):
    pushed("one")
    two = pushed("two")
    rollback(served, None, "bad")

    again = pushed("two", because="the camera was dirty, not the model")

    assert again > two
    assert history.decisions(served)[-1].action == "bless"
    assert history.withdrawn(served) == {}


def test_a_rollback_to_a_withdrawn_model_makes_it_the_baseline_again(served, pushed):
    one = pushed("one")
    two = pushed("two")
    rollback(served, one, "it misses every dog")

    back = rollback(served, two, "the camera was dirty, not the model")

    assert served_models.baseline(served).version == back.version
    assert weights(served, back.version) == "two"
    (refused,) = history.withdrawn(served)
    assert refused == served_models.model_digest(f"{served}/{one}")


def test_blessing_what_serves_already_is_written_down(served, pushed):
    pushed("one")
    two = pushed("two")
    back = rollback(served, None, "bad")
    shutil.rmtree(back.path)  # by hand: what was withdrawn serves again

    assert pushed("two", because="the camera was dirty") == two

    decision = history.decisions(served)[-1]
    assert (decision.action, decision.version) == ("bless", two)
    assert decision.because == "the camera was dirty"
    assert served_models.baseline(served).version == two
    written = len(history.decisions(served))
    assert pushed("two") == two  # by a run: nothing new to say
    assert len(history.decisions(served)) == written


def test_a_rejected_version_is_no_baseline_and_not_pushed_again(served, pushed):
    one = pushed("one")
    two = pushed("two")
    reject(served, one, "labels were wrong")

    with pytest.raises(NotPushedError, match="labels were wrong"):
        pushed("one")
    with pytest.raises(UserError, match=f"version {two} serves; `rollback`"):
        reject(served, two, "bad")


def test_garbage_is_all_but_the_newest_and_what_they_need(served, pushed):
    versions = [pushed(str(number)) for number in range(5)]

    # The last one serves; the one before is what it was judged against.
    assert collect_garbage(served, keep=1) == versions[:3]
    assert numbers(served) == versions[3:]
    with pytest.raises(UserError, match="keep at least the version that serves"):
        collect_garbage(served, keep=0)


def test_the_baseline_stays_where_what_serves_was_withdrawn(served, pushed):
    one, two = pushed("one"), pushed("two")
    pushed("three")
    shutil.rmtree(rollback(served, one, "bad").path)
    reject(served, two, "bad, too")

    collect_garbage(served, keep=1)

    assert one in numbers(served)


def test_a_version_that_is_a_link_is_taken_away_and_its_target_kept(
    tmp_path, served, pushed
):
    one = pushed("one")
    pushed("two")
    pushed("three")
    (tmp_path / "kept").mkdir()
    path = tmp_path / "served" / str(one)
    path.rename(tmp_path / "kept" / "model")
    path.symlink_to(tmp_path / "kept" / "model")

    assert collect_garbage(served, keep=1) == [one]
    assert (tmp_path / "kept" / "model" / "saved_model.pb").exists()


def test_numbers_never_fall_whatever_was_deleted(served, pushed, monkeypatch):
    from components.baseline import push as push_module

    first = pushed("one")
    shutil.rmtree(f"{served}/{first}")
    monkeypatch.setattr(push_module.time, "time", lambda: 7.0)  # a clock set back

    assert pushed("two") == first + 1


def test_a_damaged_decision_is_named_in_a_line(tmp_path, served, pushed):
    pushed("one")
    (path,) = (tmp_path / "served" / ".history").iterdir()
    path.write_text("{")

    with pytest.raises(UserError, match=r"push\.json is damaged"):
        served_models.baseline(served)

import json

import pytest

from pipeline.run import push_ledger
from pipeline.run.push_ledger import Pushes
from schemas.user_error import UserError


def served_version(tmp_path):
    version = tmp_path / "served" / "1"
    version.mkdir(parents=True)
    (version / "saved_model.pb").touch()
    return version


@pytest.fixture
def root(tmp_path):
    return str(tmp_path)


def test_a_push_that_is_still_there_changes_nothing_for_the_cache(tmp_path, root):
    push_ledger.record_push(root, "f1", str(served_version(tmp_path)), "d1")

    pushes = push_ledger.pushes(root, "f1")
    assert pushes.model_digest == "d1"
    assert pushes.told_to_the_cache() == ""


def test_a_push_whose_graph_is_gone_is_told(tmp_path, root):
    version = served_version(tmp_path)
    push_ledger.record_push(root, "f1", str(version), "d1")
    (version / "saved_model.pb").unlink()

    pushes = push_ledger.pushes(root, "f1")
    assert str(version) in pushes.told_to_the_cache()


def test_what_was_never_pushed_is_nothing_of_its_own(root):
    push_ledger.record_push(root, "f1", "/nowhere", "d1")

    assert push_ledger.pushes(root, "f2") == Pushes()
    assert push_ledger.pushes(root, "f2").told_to_the_cache() == ""


def test_each_refused_push_is_another_text_and_no_product_of_its_own(tmp_path, root):
    push_ledger.record_push(root, "f1", str(served_version(tmp_path)), "d1")
    told = set()
    for _ in range(3):
        told.add(push_ledger.pushes(root, "f1").told_to_the_cache())
        push_ledger.record_refusal(root, "f1", "d1")

    assert len(told) == 3
    assert push_ledger.pushes(root, "f1").model_digest == ""


def test_the_ledger_of_an_earlier_release_is_read(tmp_path, root):
    (tmp_path / "pushes.json").write_text(json.dumps({"f1": "/served/7"}))

    assert push_ledger.pushes(root, "f1") == Pushes("/served/7")


def test_a_damaged_ledger_is_named_in_a_line(tmp_path, root):
    (tmp_path / "pushes.json").write_text('{"f1": {"mood": 1}}')

    with pytest.raises(UserError, match=r"pushes\.json is damaged"):
        push_ledger.pushes(root, "f1")


def test_what_a_killed_run_pushed_is_its_own(root):
    assert push_ledger.pushes(root, "f1").own_product("d1") == "d1"


def test_a_model_is_judged_against_the_one_beside_which_it_was_refused(tmp_path, root):
    """Both of one root and fingerprint: made by two runners, say."""
    push_ledger.record_push(root, "f1", str(served_version(tmp_path)), "d1")
    assert push_ledger.pushes(root, "f1").own_product("") == "d1"

    push_ledger.record_refusal(root, "f1", "d1")
    assert push_ledger.pushes(root, "f1").own_product("d1") == ""
    # Judged and pushed, and killed before that was written down.
    assert push_ledger.pushes(root, "f1").own_product("d2") == "d2"

    push_ledger.record_push(root, "f1", "/served/2", "d2")
    assert push_ledger.pushes(root, "f1").own_product("d2") == "d2"

"""A run that was killed between its push and the line about it in its ledger."""

import shutil

import pytest

from components.baseline import served_models
from components.baseline.own_product import unrecorded_push
from components.baseline.push import push
from components.baseline.push_record import PushRecord


@pytest.fixture
def root(tmp_path):
    """A root [1], whose name is no pattern, with the model that its run trained."""
    export = tmp_path / "root [1]" / "Trainer" / "model" / "7" / "Format-Serving"
    export.mkdir(parents=True)
    (export / "saved_model.pb").write_bytes(b"graph")
    return tmp_path / "root [1]"


@pytest.fixture
def pushed(root):
    """Pushes that model; returns its digest."""
    export = root / "Trainer" / "model" / "7" / "Format-Serving"
    digest = served_models.model_digest(str(export))
    record = PushRecord(fingerprint="f1", judged_against="", model_digest=digest)
    push(str(export), str(root / "served"), record)
    return digest


def found(root, fingerprint="f1"):
    return unrecorded_push(str(root), str(root / "served"), fingerprint)


def test_the_model_that_this_root_made_and_pushed_is_its_own(root, pushed):
    assert found(root) == pushed


def test_a_model_of_other_data_or_code_is_not(root, pushed):
    assert found(root, "f2") == ""


def test_nor_is_one_that_another_root_made_of_the_same(root, pushed):
    shutil.rmtree(root / "Trainer")
    assert found(root) == ""


def test_nor_is_one_that_was_edited_where_it_serves(root, pushed):
    (graph,) = (root / "served").glob("*/saved_model.pb")
    graph.write_bytes(b"another graph")
    assert found(root) == ""


def test_where_nothing_serves_there_is_none(root):
    assert found(root) == ""

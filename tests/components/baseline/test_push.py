import dataclasses
import datetime
import multiprocessing
import os

import pytest

from components.baseline import history, served_models
from components.baseline import push as push_module
from components.baseline.push import NotPushedError, push
from components.baseline.push_record import PushRecord


@pytest.fixture
def destination(tmp_path):
    return tmp_path / "served"


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "model", b"weights")


def write_model(folder, weights):
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(weights)
    return folder


def record(model, judged_against="", fingerprint="f1"):
    return PushRecord(
        fingerprint=fingerprint,
        judged_against=judged_against,
        model_digest=served_models.model_digest(str(model)),
        metrics={"test": {"AP": 0.5, "AP50": 0.8}},
    )


def versions(destination):
    return sorted(path.name for path in destination.iterdir() if path.name.isdigit())


def test_a_pushed_version_holds_every_file_and_its_record(model, destination):
    served = push(str(model), str(destination), record(model))

    folder = destination / str(served.version)
    assert (folder / "saved_model.pb").read_bytes() == b"graph"
    assert (folder / "variables" / "variables.index").read_bytes() == b"weights"
    assert served_models.served_models(str(destination)) == [served]
    signed = {"pushed_at": served.record.pushed_at, "pushed_by": history.me()}
    assert served.record == dataclasses.replace(record(model), **signed)
    pushed_at = datetime.datetime.fromisoformat(served.record.pushed_at)
    assert datetime.datetime.now(datetime.UTC) - pushed_at < datetime.timedelta(hours=1)


def test_the_same_model_is_not_pushed_twice(model, destination):
    first = push(str(model), str(destination), record(model))
    again = record(model, fingerprint="f2")

    assert push(str(model), str(destination), again).version == first.version
    assert versions(destination) == [str(first.version)]


def test_a_model_judged_against_what_no_longer_serves_is_refused(
    tmp_path, model, destination
):
    """Another root pushed between the look-up of the baseline and this push."""
    first = push(str(model), str(destination), record(model))
    worse = write_model(tmp_path / "worse", b"worse")

    with pytest.raises(NotPushedError, match="judged against no served model, and now"):
        push(str(worse), str(destination), record(worse))
    assert versions(destination) == [str(first.version)]


def test_a_model_judged_against_a_version_whose_weights_were_replaced_is_refused(
    tmp_path, model, destination
):
    first = push(str(model), str(destination), record(model))
    identity = first.identity
    weights = destination / str(first.version) / "variables" / "variables.index"
    weights.write_bytes(b"better")
    worse = write_model(tmp_path / "worse", b"worse")

    with pytest.raises(NotPushedError, match=f"judged against version {first.version}"):
        push(str(worse), str(destination), record(worse, identity))


def test_a_model_judged_against_a_version_that_is_gone_is_refused(model, destination):
    with pytest.raises(NotPushedError, match="version 7, and now nothing serves"):
        push(str(model), str(destination), record(model, "7:abc"))


def _push_in_a_process(folder, destination, identity, outcomes):
    try:
        outcomes.put(push(folder, destination, record(folder, identity)).version)
    except NotPushedError:
        outcomes.put(None)


def test_of_two_pushes_at_once_one_is_whole_and_the_other_is_told(
    tmp_path, destination
):
    """They take turns: the second one sees that its baseline serves no more."""
    models = [write_model(tmp_path / name, name.encode()) for name in ("a", "b")]
    context = multiprocessing.get_context("fork")
    outcomes = context.Queue()
    processes = [
        context.Process(
            target=_push_in_a_process,
            args=(str(model), str(destination), "", outcomes),
        )
        for model in models
    ]
    for process in processes:
        process.start()
    versions_pushed = [outcomes.get(timeout=30) for _ in models]
    for process in processes:
        process.join()

    (version,) = [number for number in versions_pushed if number is not None]
    assert versions(destination) == [str(version)]


def test_versions_rise_even_within_one_second(tmp_path, destination, monkeypatch):
    monkeypatch.setattr(push_module.time, "time", lambda: 1000.0)
    first = write_model(tmp_path / "a", b"a")
    second = write_model(tmp_path / "b", b"b")

    one = push(str(first), str(destination), record(first))
    two = push(str(second), str(destination), record(second, one.identity))

    assert (one.version, two.version) == (1000, 1001)


def test_a_number_that_a_broken_folder_has_is_not_used_again(model, destination):
    (destination / "99999999999").mkdir(parents=True)

    assert push(str(model), str(destination), record(model)).version == 100000000000


def test_a_failing_copy_leaves_no_version_behind(model, destination):
    (model / "lost").symlink_to(model / "nowhere")  # a file that cannot be read

    with pytest.raises(FileNotFoundError):
        push(str(model), str(destination), record_of_anything())

    assert [path.name for path in destination.iterdir()] == [".lock"]


def record_of_anything():
    return PushRecord(fingerprint="f", judged_against="", model_digest="d")


def test_what_a_killed_push_left_is_cleared(model, destination):
    left = destination / ".incoming-1"
    write_model(left, b"half")

    push(str(model), str(destination), record(model))

    assert not left.exists()


def test_every_file_is_on_the_disk_before_the_name_is(model, destination, monkeypatch):
    order = []
    fsync, rename = os.fsync, os.rename
    monkeypatch.setattr(os, "fsync", lambda fd: (order.append("fsync"), fsync(fd)))
    monkeypatch.setattr(os, "rename", lambda *a: (order.append("rename"), rename(*a)))

    push(str(model), str(destination), record(model))

    # Graph, weights, record; three folders; the name; the folder that holds it; then
    # the decision.
    assert order == ["fsync"] * 6 + ["rename", "fsync", "fsync"]


def test_a_folder_without_a_graph_is_refused_and_nothing_is_written(
    tmp_path, destination
):
    (tmp_path / "empty").mkdir()

    with pytest.raises(FileNotFoundError, match=r"no saved_model\.pb"):
        push(str(tmp_path / "empty"), str(destination), record_of_anything())

    assert not destination.exists()

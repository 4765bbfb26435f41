import pytest

from components.baseline import served_models
from components.baseline.served_models import PushRecord


def record(fingerprint="f1", judged_against="", digest="d1"):
    return PushRecord(fingerprint, judged_against, digest, ap=0.5, ap50=0.8)


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"weights")
    return folder


@pytest.fixture
def destination(tmp_path):
    return tmp_path / "served"


def push(model, destination, **fields):
    return served_models.push(str(model), str(destination), record(**fields))


def test_an_absent_destination_serves_nothing(destination):
    assert served_models.served_models(str(destination)) == []
    assert served_models.baseline_identity(str(destination), "f1") == ""


def test_a_pushed_version_holds_every_file_and_its_record(model, destination):
    served = push(model, destination)

    folder = destination / str(served.version)
    assert (folder / "saved_model.pb").read_bytes() == b"graph"
    assert (folder / "variables" / "variables.index").read_bytes() == b"weights"
    assert served_models.served_models(str(destination)) == [served]
    assert served.record == record()


def test_versions_rise_even_within_one_second(model, destination):
    first = push(model, destination, digest="d1")
    second = push(model, destination, digest="d2")

    assert second.version > first.version


def test_the_same_model_is_not_pushed_twice(model, destination):
    first = push(model, destination)

    assert push(model, destination, fingerprint="f2").version == first.version
    assert len(list(destination.iterdir())) == 1


def test_a_failing_copy_leaves_no_version_behind(model, destination, monkeypatch):
    def fail(sources, targets):
        raise OSError("disk full")

    monkeypatch.setattr(served_models.FileSystems, "copy", fail)
    with pytest.raises(OSError, match="disk full"):
        push(model, destination)

    assert list(destination.iterdir()) == []


def test_a_folder_without_a_graph_is_refused_and_nothing_is_written(
    tmp_path, destination
):
    (tmp_path / "empty").mkdir()

    with pytest.raises(FileNotFoundError, match=r"no saved_model\.pb"):
        push(tmp_path / "empty", destination)

    assert not destination.exists()


def test_half_copied_and_foreign_folders_are_no_versions(destination):
    (destination / "7").mkdir(parents=True)
    (destination / ".incoming-1").mkdir()
    (destination / ".incoming-1" / "saved_model.pb").write_bytes(b"")
    (destination / "notes").mkdir()
    (destination / "notes" / "saved_model.pb").write_bytes(b"")

    assert served_models.served_models(str(destination)) == []


def test_a_run_is_judged_against_the_newest_version(model, destination):
    push(model, destination, fingerprint="f1", digest="d1")
    newest = push(model, destination, fingerprint="f2", digest="d2")

    assert served_models.baseline_identity(str(destination), "f3") == newest.identity


def test_a_run_is_not_judged_against_its_own_product(model, destination):
    first = push(model, destination, fingerprint="f1", digest="d1")
    push(
        model,
        destination,
        fingerprint="f2",
        judged_against=first.identity,
        digest="d2",
    )

    assert served_models.baseline_identity(str(destination), "f2") == first.identity


def test_a_replaced_graph_has_another_identity(model, destination):
    served = push(model, destination)
    before = served.identity
    (destination / str(served.version) / "saved_model.pb").write_bytes(b"other")

    assert served.identity != before


def test_a_pruned_version_is_replaced_by_the_newest_one(model, destination):
    served = push(model, destination)

    assert served_models.find(str(destination), "1:0000") == served
    assert served_models.find(str(destination), served.identity) == served


def test_the_digest_sees_names_and_contents(model):
    before = served_models.model_digest(str(model))
    (model / "variables" / "variables.index").write_bytes(b"Weights")
    edited = served_models.model_digest(str(model))
    (model / "variables" / "variables.index").rename(model / "variables" / "v.index")

    assert len({before, edited, served_models.model_digest(str(model))}) == 3


@pytest.mark.parametrize("name", ["exp[1]", "what?", "a*b", "[", "plain"])
def test_a_folder_with_the_characters_of_patterns_is_a_folder(model, tmp_path, name):
    other = tmp_path / "e" / "1"  # what exp[1], taken for a pattern, would find
    push(model, other.parent)
    destination = tmp_path / name
    assert served_models.served_models(str(destination)) == []
    first = push(model, destination)
    assert [m.path for m in served_models.served_models(str(destination))] == [
        first.path
    ]
    assert sorted(p.name for p in (tmp_path / name).glob("*/*")) == sorted(
        p.name for p in other.parent.glob("*/*")
    )

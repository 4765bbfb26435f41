"""A destination behind a Beam filesystem that is not the local one."""

import pytest

from components.baseline import folders, served_models
from components.baseline.push import push
from components.baseline.push_record import PushRecord


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"weights")
    return folder


def test_a_model_on_this_machine_is_pushed_to_a_store(model, tmp_path, other_store):
    destination = other_store(tmp_path / "served")
    record = PushRecord(
        fingerprint="f1",
        judged_against="",
        model_digest=served_models.model_digest(str(model)),
        metrics={"test": {"AP": 0.5, "AP50": 0.8}},
    )

    served = push(str(model), destination, record)

    folder = tmp_path / "served" / str(served.version)
    assert (folder / "saved_model.pb").read_bytes() == b"graph"
    assert (folder / "variables" / "variables.index").read_bytes() == b"weights"
    (found,) = served_models.served_models(destination)
    assert found.version == served.version


def test_what_serves_in_a_store_is_copied_to_this_machine(model, tmp_path, other_store):
    # As BaselineLookup does, into a folder that Kubeflow's launcher uploads.
    for name in folders.files_below(other_store(model)):
        source = folders.inside(other_store(model), name)
        folders.copy_file(source, str(tmp_path / "copy" / name))

    copied = tmp_path / "copy" / "variables" / "variables.index"
    assert copied.read_bytes() == b"weights"

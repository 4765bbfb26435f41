"""A destination behind a Beam filesystem that is not the local one."""

import os

import pytest
from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.localfilesystem import LocalFileSystem

from components.baseline import folders, served_models
from components.baseline.push import push
from components.baseline.push_record import PushRecord

SCHEME = "other-store://"


class OtherStore(LocalFileSystem):
    """`other-store:///path` is /path, without folders of its own to make.

    As Beam's own of a store, it copies within itself only: what is asked to copy a
    file from another place does not find it.
    """

    @classmethod
    def scheme(cls):
        return SCHEME.removesuffix("://")

    def _list(self, dir_or_prefix):
        for item in super()._list(dir_or_prefix.removeprefix(SCHEME)):
            yield FileMetadata(f"{SCHEME}{item.path}", item.size_in_bytes, 0.0)

    def _path_open(self, path, mode, *args, **kwargs):
        local = path.removeprefix(SCHEME)
        if "w" in mode:
            os.makedirs(os.path.dirname(local), exist_ok=True)
        return super()._path_open(local, mode, *args, **kwargs)

    def exists(self, path):
        return super().exists(path.removeprefix(SCHEME))

    def delete(self, paths):
        super().delete([path.removeprefix(SCHEME) for path in paths])


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"weights")
    return folder


def test_a_model_on_this_machine_is_pushed_to_a_store(model, tmp_path):
    destination = f"{SCHEME}{tmp_path}/served"
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


def test_what_serves_in_a_store_is_copied_to_this_machine(model, tmp_path):
    # As BaselineLookup does, into a folder that Kubeflow's launcher uploads.
    for name in folders.files_below(f"{SCHEME}{model}"):
        source = folders.inside(f"{SCHEME}{model}", name)
        folders.copy_file(source, str(tmp_path / "copy" / name))

    copied = tmp_path / "copy" / "variables" / "variables.index"
    assert copied.read_bytes() == b"weights"

"""Data and output behind a Beam filesystem that is not the local one."""

import json

import pytest
from apache_beam.io.azure import blobstorageio
from apache_beam.io.filesystem import BeamIOError, FileMetadata
from apache_beam.io.localfilesystem import LocalFileSystem

from components.example_gen.config import IngestConfig
from components.example_gen.ingest import ingest
from components.example_gen.output.directories import whole_output
from components.example_gen.shards import tfrecord
from components.example_gen.source import remote, spans, storage
from components.example_gen.source.digest import data_digest
from pipeline.__main__ import main
from schemas.user_error import UnavailableError, UserError

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
SCHEME = "elsewhere"


def _local(path):
    return path.removeprefix(f"{SCHEME}://")


class ElsewhereFileSystem(LocalFileSystem):
    """`elsewhere:///path` is /path; Beam finds the class by its scheme."""

    @classmethod
    def scheme(cls):
        return SCHEME

    def _list(self, dir_or_prefix):
        for item in super()._list(_local(dir_or_prefix)):
            yield FileMetadata(
                f"{SCHEME}://{item.path}",
                item.size_in_bytes,
                item.last_updated_in_seconds,
            )

    def _path_open(self, path, *args, **kwargs):
        return super()._path_open(_local(path), *args, **kwargs)

    def exists(self, path):
        return super().exists(_local(path))

    def mkdirs(self, path):
        super().mkdirs(_local(path))

    def rename(self, source_file_names, destination_file_names):
        super().rename(
            [_local(name) for name in source_file_names],
            [_local(name) for name in destination_file_names],
        )

    def delete(self, paths):
        super().delete([_local(path) for path in paths])


class ClientError(Exception):
    """As of a store's client, which is no OSError: HDFS's is one."""


class UnsentError(Exception):
    """As Azure's client has it of a request that did not get there."""

    inner_exception = Exception("no way")


def elsewhere(path):
    return f"{SCHEME}://{path}"


@pytest.fixture(autouse=True)
def _elsewhere_is_read(monkeypatch):
    monkeypatch.setattr(storage, "SCHEMES", (*storage.SCHEMES, SCHEME))


@pytest.fixture
def home(data_set, voc_xml):
    annotations = {"a": voc_xml(), "b": voc_xml("b.jpg"), "c": b"broken"}
    return data_set(annotations, sets={"train": "a\nc", "val": "b"})


def test_a_remote_run_writes_what_a_local_one_does(home, tmp_path):
    config = IngestConfig(processes=1)
    for data, out in (
        (str(home), str(tmp_path / "here")),
        (elsewhere(home), elsewhere(tmp_path / "there")),
    ):
        with whole_output(out) as dirs:
            ingest(spans.resolve(data), dirs, config)
    here, there = (
        json.loads((tmp_path / name / "report.json").read_text())
        for name in ("here", "there")
    )
    assert here.pop("details")["verdict"] == there.pop("details")["verdict"]
    assert here == there
    name = "Split-train/images-00000-of-00001"
    local = list(tfrecord.read_records(str(tmp_path / "here" / name)))
    assert list(tfrecord.read_records(elsewhere(tmp_path / "there" / name))) == local


def test_a_remote_output_that_is_there_is_refused(tmp_path):
    (tmp_path / "report.json").write_text("{}")
    with (
        pytest.raises(UserError, match="already holds a report"),
        whole_output(elsewhere(tmp_path)),
    ):
        pass


def test_remote_data_has_a_digest_and_spans(home, tmp_path):
    home.rename(tmp_path / "span-4")
    pattern = elsewhere(tmp_path / "span-{SPAN}")
    assert spans.resolve(pattern, "latest").span == 4
    before = data_digest(pattern, 4)
    (tmp_path / "span-4/Annotations/a.xml").write_bytes(b"changed")
    assert data_digest(pattern, 4) != before


def test_remote_data_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match="no such data set"):
        spans.resolve(elsewhere(tmp_path / "nothing"))


def test_an_absent_folder_is_not_listed(tmp_path, monkeypatch):
    def refuse(self, path):
        raise BeamIOError("List operation failed", {path: ClientError("no file")})
        yield

    monkeypatch.setattr(ElsewhereFileSystem, "_list", refuse)
    with pytest.raises(UserError, match="no such data set"):
        spans.resolve(elsewhere(tmp_path / "nothing"))


def test_a_store_that_nothing_here_reads_is_one_line(tmp_path, capfd):
    command = ["ingest", "--data", "hdfs://host/voc", "--output", str(tmp_path / "out")]
    assert main([*command, "--quiet"]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "hdfs://host/voc: Beam has no file system for hdfs:// here; " in line
    assert not (tmp_path / "out").exists()


def test_azure_without_its_client_is_told(monkeypatch):
    monkeypatch.setattr(blobstorageio, "AZURE_DEPS_INSTALLED", False)
    with pytest.raises(UserError, match=r"^azfs://a/b: .* 'apache-beam\[azure\]'"):
        spans.resolve("azfs://a/b")


@pytest.mark.parametrize("path", ["gs://", "s3://", "s3:///x", "gs://{SPAN}/x"])
def test_a_place_without_a_bucket_is_told(path):
    scheme = path.partition("://")[0]
    with pytest.raises(UserError, match=f"names no bucket: {scheme}://BUCKET/FOLDER"):
        spans.resolve(path)


@pytest.mark.parametrize("has_folders", [True, False])
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ClientError("Permission denied:\n user=x"), UserError),
        (ValueError("no such form"), UserError),
        (ConnectionRefusedError("refused"), UnavailableError),
        (UnsentError("not sent"), UnavailableError),
    ],
)
def test_what_the_client_of_a_store_raises_is_one_line(
    error, kind, has_folders, monkeypatch
):
    def list_nothing(self, path):
        raise BeamIOError("List operation failed", {path: error})
        yield

    def ask(self, path):
        raise error

    monkeypatch.setattr(ElsewhereFileSystem, "exists", ask)
    monkeypatch.setattr(ElsewhereFileSystem, "_list", list_nothing)
    monkeypatch.setattr(ElsewhereFileSystem, "has_dirs", lambda self: has_folders)
    with pytest.raises(UserError) as told:
        remote.require_access("elsewhere:///x", "PLACE")
    assert type(told.value) is kind
    said = " ".join(str(error).split())
    assert str(told.value).startswith(f"PLACE elsewhere:///x: {said}; ")

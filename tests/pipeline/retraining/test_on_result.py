import http.server
import json
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline.retraining import on_result
from pipeline.retraining.on_result import check_on_result, tell_result
from schemas.user_error import UserError

RESULT = {"outcome": "pushed", "text": "span 7: $(touch hacked); `x` 'y' \"z\""}


def test_a_command_gets_the_result_on_its_input(tmp_path):
    program = tmp_path / "save it.py"
    program.write_text(
        "import sys; open(sys.argv[1], 'w').write(sys.stdin.read()); print('ok')"
    )
    target = tmp_path / "got $(touch hacked).json"

    assert tell_result(f"{sys.executable} '{program}' '{target}'", RESULT) == ""

    assert json.loads(target.read_text()) == RESULT
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        target.name,
        program.name,
    ]


@pytest.mark.parametrize("command", ["echo a; touch hacked", "echo $(touch hacked)"])
def test_no_shell_reads_the_command(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)

    assert tell_result(command, RESULT) == ""
    assert list(tmp_path.iterdir()) == []


def test_a_failing_command_is_told_with_its_last_line():
    code = "import sys; sys.exit('first\\nno such channel')"
    failed = tell_result(f'{sys.executable} -c "{code}"', RESULT)

    assert failed == f"{sys.executable} ended with 1: no such channel"


def test_a_command_that_is_not_there_is_told():
    failed = tell_result("/no/such/program -x", RESULT)
    assert failed == "/no/such/program cannot be run: No such file or directory"


def test_a_command_that_reads_nothing_is_no_failure():
    assert tell_result("true", {"text": "x" * 1_000_000}) == ""


def test_a_command_that_hangs_is_stopped(monkeypatch):
    monkeypatch.setattr(on_result, "_TIMEOUT_S", 0.2)
    assert (
        tell_result("sleep 60", RESULT) == "sleep took more than 0.2 s and was stopped"
    )


def test_what_a_command_that_hangs_has_started_is_stopped_too(tmp_path, monkeypatch):
    monkeypatch.setattr(on_result, "_TIMEOUT_S", 0.5)
    began_s = time.monotonic()
    command = f"sh -c 'sleep 60 & echo $! > {tmp_path}/child; wait'"

    assert tell_result(command, RESULT) == "sh took more than 0.5 s and was stopped"

    assert time.monotonic() - began_s < 10
    child = Path(f"/proc/{(tmp_path / 'child').read_text().strip()}/stat")
    while child.exists() and child.read_text().split()[2] != "Z":
        assert time.monotonic() - began_s < 10
        time.sleep(0.02)


def test_a_command_may_leave_something_running():
    began_s = time.monotonic()
    assert tell_result("sh -c 'sleep 10 & true'", RESULT) == ""
    assert time.monotonic() - began_s < 8


@pytest.mark.parametrize(
    "command", ["'unclosed", "   ", "/no/such/program -x", "ftp://host/hook"]
)
def test_what_is_no_command_is_refused_before_anything_runs(command):
    with pytest.raises(UserError, match="--on-result"):
        check_on_result(command)


@pytest.fixture
def server():
    """A server on loopback that keeps what it is sent and answers with `status`."""
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        status = 200

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, self.headers["Content-Type"], json.loads(body)))
            self.send_response(self.status)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/hook/s3cret", Handler, got
        running.shutdown()


def test_an_address_is_posted_the_result(server):
    url, _, got = server
    assert tell_result(url, RESULT) == ""
    assert got == [("/hook/s3cret", "application/json", RESULT)]


def test_an_answer_that_is_an_error_is_told_without_the_secret(server):
    url, handler, _ = server
    handler.status = 403
    assert tell_result(url, RESULT) == "127.0.0.1 answered 403 Forbidden"


def test_an_address_where_nobody_answers_is_told():
    failed = tell_result("http://127.0.0.1:9/s3cret", RESULT)
    assert failed.startswith("127.0.0.1 cannot be reached: ")
    assert "s3cret" not in failed

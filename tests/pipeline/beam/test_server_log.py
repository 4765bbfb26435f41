"""What is shown of an engine's log, and what of it is kept."""

import json
import logging

import pytest

from pipeline.beam import server_log

PRISM = logging.getLogger("_PrismServer")


@pytest.fixture
def shown(monkeypatch):
    """What a terminal would show where only warnings are wanted."""
    found = []

    class Terminal(logging.Handler):
        def emit(self, record):
            found.append(record.getMessage())

    terminal = Terminal()
    PRISM.addHandler(terminal)
    monkeypatch.setattr(logging.getLogger(), "level", logging.WARNING)
    yield found
    PRISM.removeHandler(terminal)
    server_log.listen()


def prism_says(message, **more):
    PRISM.info(json.dumps({"level": "ERROR", "msg": message, **more}))


# As Prism 2.77 wrote them of a step that raised.
FAILED = (
    "Prism received bundle error from worker response",
    "stage.Execute aborting due to bundle error",
    "Bundle Failed.",
    "job failed",
)


def test_of_a_job_that_fails_its_error_alone_is_told(shown):
    server_log.listen()
    for message in FAILED:
        prism_says(message, bundle="inst003")
    assert shown == []


def test_another_word_on_bundles_is_shown(shown):
    server_log.listen()
    others = ["additional bundle response", "SDK Error from bundle finalization"]
    others.append("cannot read the trust bundle")
    for message in others:
        prism_says(message)
    assert [json.loads(line)["msg"] for line in shown] == others


def test_nothing_is_shown_of_what_is_silenced(shown):
    server_log.listen()
    server_log.silence()
    prism_says("no space left")
    assert shown == []
    server_log.listen()
    prism_says("no space left")
    assert len(shown) == 1


def test_the_last_line_that_is_no_record_is_kept_and_not_shown(shown):
    server_log.listen()
    PRISM.info("Traceback (most recent call last):")
    PRISM.info("ModuleNotFoundError: No module named 'pipeline'")
    PRISM.info("")
    PRISM.info('{"what": "is JSON and no record"}'[:-1])
    PRISM.info("ImportError: no")
    prism_says("process failed")
    assert server_log.last_line() == "ImportError: no"
    assert [json.loads(line)["msg"] for line in shown] == ["process failed"]
    server_log.listen()
    assert server_log.last_line() == ""


def test_a_panic_says_what_is_wrong_in_its_first_line():
    server_log.listen()
    for line in ("panic: address 99: invalid port", "", "goroutine 1 [running]:"):
        PRISM.info(line)
    assert server_log.last_line() == "panic: address 99: invalid port"


@pytest.mark.parametrize("error", ["signal: killed", "exit status 1"])
def test_a_worker_that_ended_is_heard_of(shown, error):
    heard = []
    server_log.listen(lambda: heard.append(server_log.last_line()))
    PRISM.info("MemoryError")
    prism_says("process failed while running", error=error)
    assert heard == [f"{error}, MemoryError"]
    assert shown == []


def test_a_worker_that_prism_has_ended_is_no_news(shown):
    server_log.listen()
    prism_says("process failed while running", error="signal: killed")
    assert shown == []

import logging
import os
import sys

import pytest

from pipeline.run import console


@pytest.fixture
def log_path(tmp_path):
    return tmp_path / "logs" / "run.log"


def test_our_messages_reach_the_terminal_and_the_log(log_path, capfd):
    with console.quiet_console(str(log_path)):
        logging.getLogger("components.example_gen").info("read %d images", 7)

    assert "read 7 images" in capfd.readouterr().err
    assert "read 7 images" in log_path.read_text()


def test_the_libraries_messages_reach_only_the_log(log_path, capfd):
    with console.quiet_console(str(log_path)):
        logging.getLogger("absl").warning("library noise")
        os.write(2, b"native noise\n")

    assert "noise" not in capfd.readouterr().err
    assert "library noise" in log_path.read_text()
    assert "native noise" in log_path.read_text()


def test_python_s_standard_error_is_still_the_terminal(log_path, capfd):
    with console.quiet_console(str(log_path)):
        sys.stderr.write("progress 1/2\n")

    assert capfd.readouterr().err == "progress 1/2\n"


def test_everything_is_as_before_afterwards_even_after_an_error(log_path, capfd):
    handlers = logging.getLogger().handlers[:]
    level = logging.getLogger().level
    stream = sys.stderr
    with (
        pytest.raises(RuntimeError, match="stage failed"),
        console.quiet_console(str(log_path)),
    ):
        raise RuntimeError("stage failed")

    os.write(2, b"to the terminal again\n")
    assert capfd.readouterr().err == "to the terminal again\n"
    assert logging.getLogger().handlers == handlers
    assert logging.getLogger().level == level
    assert sys.stderr is stream


def test_the_runner_s_messages_become_starts_and_ends():
    seen = []
    reporter = console.StageReporter(
        lambda stage: seen.append(("start", stage)),
        lambda stage, seconds: seen.append(("end", stage, seconds >= 0)),
    )
    for message in (
        "Component %s is running.",
        "%s says hello",
        "Component %s is finished.",
    ):
        reporter.emit(
            logging.LogRecord("absl", logging.INFO, "", 0, message, ("Trainer",), None)
        )

    assert seen == [("start", "Trainer"), ("end", "Trainer", True)]

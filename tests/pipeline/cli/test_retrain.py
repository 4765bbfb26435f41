"""The command around a run that is what the test says: what is printed, exit status."""

import argparse
import fcntl
import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from pipeline import local_run
from pipeline.__main__ import main
from pipeline.cli import retrain
from schemas.user_error import RefusedError, UserError


class Call:
    """Calls the command on one span, with a hook that keeps what it is given."""

    def __init__(self, folder, monkeypatch, capfd):
        self.folder, self.capfd = folder, capfd
        self.root = folder / "root"
        home = folder / "data" / "span-7" / "Annotations"
        home.mkdir(parents=True)
        (home / "a.xml").write_text("<annotation/>")
        self.hook = folder / "hook.py"
        self.hook.write_text(
            "import sys; open(sys.argv[1], 'a').write(sys.stdin.read()); print('kept')"
        )
        self.ends = []
        monkeypatch.setattr(local_run, "run_stages", self._run_stages)

    def _run_stages(self, config, paths, digests, *, quiet):
        end = self.ends.pop(0)
        if isinstance(end, BaseException):
            raise end
        return end

    def __call__(self, *options, end=None):
        """Exit status, stdout and stderr."""
        self.ends = [end]
        on_result = f"{sys.executable} {self.hook} {self.folder / 'told.jsonl'}"
        status = main(
            [
                *("retrain", "--data", str(self.folder / "data" / "span-{SPAN}")),
                *("--root", str(self.root), "--preset", "smoke"),
                *("--on-result", on_result, *options),
            ]
        )
        return status, *self.capfd.readouterr()

    def told(self):
        text = (self.folder / "told.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def call(tmp_path, monkeypatch, capfd):
    return Call(tmp_path, monkeypatch, capfd)


def test_bad_data_is_told_on_one_line_and_ends_with_two(call):
    status, out, err = call(end=UserError("nothing is left of 30 images"))

    assert status == 2
    assert out == (
        "bad input: span 7: nothing is left of 30 images; 1 of 3 failures in a row "
        "that pause it\n"
    )
    assert err == "span 7 is new; learning from span 7\n"
    (told,) = call.told()
    assert (told["outcome"], told["exit_status"], told["span"]) == ("bad_input", 2, 7)
    assert (told["failures"], told["paused"]) == (1, False)


def test_refused_data_end_with_one_and_then_nothing_is_new(call):
    status, out, _ = call(end=RefusedError("drift of brightness"))
    assert (status, out[:13]) == (1, "data refused:")

    status, out, err = call()
    assert (status, err) == (0, "")
    assert out.startswith("nothing new: in ")
    assert "; span 7 (data refused 20" in out
    assert [told["outcome"] for told in call.told()] == ["data_refused", "nothing_new"]


def test_quiet_says_nothing_of_what_went_well(call):
    assert call("--quiet", end=RefusedError("drift"))[1:] == (
        "",
        "voc-pipeline retrain: data refused: span 7: drift; it is taken up again when "
        "its files change, or with --again; 1 of 3 failures in a row that pause it\n",
    )
    assert call("--quiet") == (0, "", "")


def test_json_is_what_the_hook_is_given(call):
    status, out, _ = call("--json", end=RefusedError("drift"))

    assert status == 1
    assert [json.loads(out)] == call.told()


def test_a_defect_is_told_and_keeps_its_traceback(call):
    status, out, err = call(end=ZeroDivisionError("boom"))

    assert status == 70
    assert out.startswith("crashed: span 7: ZeroDivisionError: boom; 1 of 3")
    assert "Traceback" in err
    assert call.told()[0]["exit_status"] == 70


def test_an_interrupt_is_130_whatever_a_library_made_of_it(call, monkeypatch):
    import signal

    def run_stages(*_, quiet):
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt as error:
            raise RuntimeError("UNKNOWN: KeyboardInterrupt") from error

    monkeypatch.setattr(local_run, "run_stages", run_stages)
    status, out, err = call()

    assert status == 130
    assert out == (
        "interrupted: span 7: finished stages and checkpoints are kept; the next call "
        "goes on\n"
    )
    assert f"are kept in {call.root}; the next call goes on" in err
    assert call.told()[0]["failures"] == 0


def test_three_failures_pause_and_resume_lifts_it(call):
    broken = [call(end=UserError("broken"))[0] for _ in range(3)]
    status, out, _ = call()
    assert (broken, status) == ([2, 2, 2], 1)
    assert out.startswith("paused: after 3 failures in a row; the last, span 7 (bad ")
    assert call.told()[-1]["paused"]

    status, out, err = call("--resume", end=RefusedError("drift"))
    assert (status, out[:13]) == (1, "data refused:")
    assert err.startswith("span 7 goes on; ")


def test_what_stops_a_call_before_it_begins_is_told_and_no_failure(call):
    call.root.mkdir()
    with (call.root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status, out, err = call()

    assert (status, out) == (2, "")
    assert err.startswith("voc-pipeline retrain: another run is using --root ")
    (told,) = call.told()
    assert told["outcome"] == "bad_input"
    assert "another run is using" in told["text"]
    assert not (call.root / "retraining.json").exists()


def test_a_failing_hook_is_told_and_changes_nothing(call):
    call.hook.write_text("import sys; sys.exit('no such channel')")
    status, _, err = call(end=RefusedError("drift"))

    assert status == 1
    assert err.splitlines()[-1] == (
        f"voc-pipeline retrain: --on-result: {sys.executable} ended with 1: no such "
        "channel"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--on-result", "'unclosed"], "--on-result 'unclosed: No closing quotation"),
        (["--data", "/no/voc"], "/no/voc has no {SPAN}"),
        (["--data", "/no/{SPAN}"], "no span matches /no/{SPAN}"),
        (["--root", "gs://bucket/root"], "--root gs://bucket/root: a run on this"),
        (
            ["--warm-start", "--set", "trainer.model.initial_model=/m"],
            "trainer.model.initial_model names another; leave one out",
        ),
    ],
)
def test_bad_options_are_one_line(call, options, message):
    status, out, err = call(*options)

    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("window", ["0", "-1", "two"])
def test_a_window_is_a_number_of_spans(call, capfd, window):
    with pytest.raises(SystemExit, match="2"):
        call("--window", window)
    assert "--window" in capfd.readouterr().err


PAGE = (Path(__file__).parents[3] / "docs" / "retraining.md").read_text("utf-8")


def commands_of_the_page():
    """What follows `retrain` in each command line, crontab and unit.

    The CronJob's is in tests/test_kubeflow.py.
    """
    joined = PAGE.replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line.startswith("    ")]
    for line in lines:
        told = re.search(r"voc-pipeline retrain (--.*)", line)
        if told:
            yield shlex.split(told[1])


def test_every_command_of_the_page_is_one():
    commands = list(commands_of_the_page())
    assert len(commands) == 3
    for words in commands:
        parser = argparse.ArgumentParser()
        retrain.add_arguments(parser)
        told = parser.parse_args(words)
        assert told.data.endswith("/span-{SPAN}")
        assert told.root


def test_the_page_tells_every_outcome_and_its_exit_status():
    rows = re.findall(r"^\| (\d+) \| `([a-z ]+)`", PAGE, re.MULTILINE)
    told = {name.replace(" ", "_"): int(status) for status, name in rows}
    assert told == {name: int(status) for name, status in retrain.EXIT_STATUS.items()}

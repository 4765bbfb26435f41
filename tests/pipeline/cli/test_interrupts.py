"""Signals to real processes: exit status, one line, nothing half done, no child."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.cli.interrupts import orderly_interrupts
from pipeline.sample_data.sample import SampleConfig, write_sample

DEADLINE_S = 120


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn") / "data"
    write_sample(folder, SampleConfig(images=40, size=128))
    return folder


def started(arguments, cwd):
    """The command in a session of its own, so that its children can be found."""
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell that runs the tests in the background ignores it for all below.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def wait_until(holds, process):
    end = time.monotonic() + DEADLINE_S
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)


def processes_of(session):
    """Ids of the processes that are still in a session, zombies not counted."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def left_behind(folder):
    """What is half done below a folder."""
    names = {path.name for path in folder.rglob("*")}
    return {n for n in names if "partial" in n or n.endswith((".lock", ".tmp"))}


def interrupted(process, number):
    """Sends the signal twice, as `timeout` does, and returns what was said last."""
    process.send_signal(number)
    process.send_signal(number)
    _, error = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130, error
    assert "Traceback" not in error
    assert processes_of(process.pid) == []
    return error.splitlines()[-1]


SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@SIGNALS
def test_ingest_leaves_its_output_as_it_was(tmp_path, data, number):
    process = started(
        ["ingest", data, "--output", "out", "--processes", "2"], cwd=tmp_path
    )
    wait_until((tmp_path / ".out.partial").exists, process)

    last = interrupted(process, number)

    assert last == (
        "voc-pipeline ingest: interrupted; out is as it was before; the same command "
        "starts anew"
    )
    assert list(tmp_path.iterdir()) == []


@SIGNALS
def test_sample_data_leaves_nothing(tmp_path, number):
    process = started(["sample-data", "drawn", "--images", "4000"], cwd=tmp_path)
    wait_until(lambda: any(tmp_path.glob(".drawn.*.partial/*")), process)

    assert "voc-pipeline sample-data: interrupted; drawn is" in interrupted(
        process, number
    )
    assert list(tmp_path.iterdir()) == []


@SIGNALS
def test_score_stops_while_it_reads(tmp_path, number):
    # Results that never come: it waits for a writer at the other end.
    os.mkfifo(tmp_path / "results.json")
    (tmp_path / "truth.json").write_text(
        '{"images": [{"id": 1, "width": 9, "height": 9}], "annotations": '
        '[{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], '
        '"area": 25, "iscrowd": 0}], '
        '"categories": [{"id": 1, "name": "dog"}]}'
    )
    process = started(
        ["score", "--ground-truth", "truth.json", "--detections", "results.json"],
        cwd=tmp_path,
    )
    time.sleep(1.5)

    assert "score: interrupted; nothing was written" in interrupted(process, number)


def interrupted_after(line, process, number):
    """What a run said until a line that begins so; then it is interrupted."""
    said = []
    for each in process.stderr:
        said.append(each)
        if each.startswith(line):
            break
    assert said[-1].startswith(line), said
    time.sleep(1)
    assert interrupted(process, number) == (
        "voc-pipeline run: interrupted; finished stages and checkpoints are kept in "
        "root; the same command goes on from there"
    )
    return "".join(said)


@pytest.mark.slow
def test_run_keeps_what_is_finished_and_goes_on(tmp_path, data):
    """Not to its end: `make retrain` has runs that go on from every stage."""
    command = ["run", "--data", data, "--root", "root", "--preset", "smoke"]
    for line, number in (
        ("VocExampleGen ...", signal.SIGINT),
        ("Trainer ...", signal.SIGTERM),
        ("Trainer: done", signal.SIGTERM),
    ):
        said = interrupted_after(line, started(command, cwd=tmp_path), number)
        assert left_behind(tmp_path) == set()
    assert "VocExampleGen: reused" in said
    assert "Transform: reused" in said


def test_a_crash_is_70_and_keeps_its_traceback(tmp_path):
    code = (
        "from pipeline import __main__\n"
        "from pipeline.cli import presets\n"
        "def crash(args): raise ZeroDivisionError('boom')\n"
        "presets.run = crash\n"
        "import sys; sys.argv = ['voc-pipeline', 'presets']\n"
        "sys.exit(__main__.main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 70
    assert "ZeroDivisionError: boom" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("voc-pipeline presets: a defect of")


def test_a_reader_that_has_enough_is_no_error(tmp_path):
    with started(["presets"], cwd=tmp_path) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_an_interrupt_that_becomes_another_error_is_one_still():
    with pytest.raises(KeyboardInterrupt), orderly_interrupts():
        end_as_tensorflow_does()


def end_as_tensorflow_does():
    try:
        signal.raise_signal(signal.SIGTERM)
    except KeyboardInterrupt as error:
        raise RuntimeError("UNKNOWN: KeyboardInterrupt") from error


def swallow_one_and_clear_away(cleared):
    try:
        with contextlib.suppress(BaseException):  # as a clumsy import does
            signal.raise_signal(signal.SIGTERM)
        time.sleep(30)
    finally:
        # Clearing away takes its time, and is not interrupted again.
        signal.raise_signal(signal.SIGINT)
        time.sleep(2.5)
        cleared.append("all")


def test_an_interrupt_that_is_swallowed_comes_again():
    begun, cleared = time.monotonic(), []
    with pytest.raises(KeyboardInterrupt), orderly_interrupts():
        swallow_one_and_clear_away(cleared)
    assert cleared == ["all"]
    assert time.monotonic() - begun < 10
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0

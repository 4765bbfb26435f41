"""Engines that are not there, or are lost: one line, and its exit status."""

import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.beam.engine_errors import not_started, told_of
from schemas import own_process
from schemas.user_error import RefusedError, UnavailableError, UserError

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
needs_prism = pytest.mark.skipif(
    shutil.which("prism") is None,
    reason="no prism on PATH: `make prism` builds it where Go is",
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "drawn"
    assert main(["sample-data", str(folder), "--images", "12", "--seed", "1"]) == 0
    return folder


@pytest.fixture
def silent_port():
    """Of a server that takes connections and never says a word."""
    with socket.create_server(("localhost", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("runner", ["flink", "spark"])
@pytest.mark.parametrize("there", ["nothing", "what never answers"])
def test_an_engine_that_is_not_there_is_one_line_and_69(
    data, tmp_path, runner, there, capsys, silent_port
):
    endpoint = f"localhost:{silent_port if there == 'what never answers' else 1}"
    where = [f"--beam-arg=--job_endpoint={endpoint}"]
    where += ["--beam-arg=--job_server_timeout=1"]
    where += ["--beam-arg=--environment_type=LOOPBACK"]
    out = str(tmp_path / "out")
    command = ["ingest", str(data), "--output", out, "--quiet", "--runner", runner]
    assert main([*command, *where]) == 69
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": deadline")[0] for line in lines] == [
        f"voc-pipeline ingest: the {runner.capitalize()} job server at {endpoint} "
        "did not answer within 1 s"
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("{data}", "--beam-arg: --prism_location={data} is no file; name one"),
        ("{data}/prism", "--beam-arg: --prism_location={data}/prism is no file; name"),
        ("https://example.com/prism", "--prism_location=https://example.com/prism: "),
    ],
)
def test_a_prism_that_is_not_where_it_was_said_is_bad_input(
    data, tmp_path, capsys, location, said
):
    where = f"--beam-arg=--prism_location={location.format(data=data)}"
    out = str(tmp_path / "out")
    command = ["ingest", str(data), "--output", out, "--quiet", "--runner", "prism"]
    assert main([*command, where]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"voc-pipeline ingest: {said.format(data=data)}")
    assert list(tmp_path.iterdir()) == []


def test_a_prism_that_cannot_be_fetched_ended_no_job():
    # what Beam 2.77 says without a network, where no prism is on PATH
    said = "Unable to fetch remote prism binary at https://h/p.zip: <urlopen error>"
    told = not_started(RuntimeError(said), "Prism")
    assert type(told) is UnavailableError
    assert str(told) == (
        f"Prism did not start: {said}; docs/runners.md says what must be there"
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FileNotFoundError(2, "No such file or directory", "java"), UnavailableError),
        (ValueError('Unable to parse jar URL "/nope.jar". If using\nmore'), UserError),
    ],
)
def test_a_job_server_that_cannot_be_started_is_one_line(error, kind):
    told = not_started(error, "the Flink job server")
    assert type(told) is kind
    assert str(told) == (
        f"the Flink job server did not start: {str(error).splitlines()[0]}; "
        "docs/runners.md says what must be there"
    )
    assert not_started(KeyError("dog"), "Flink") is None


def test_what_this_command_has_started_it_starts_again():
    lost = ConnectionError("reset")
    assert str(told_of(lost, "Prism", is_ours=True)) == (
        "Prism is lost: reset; repeat the command"
    )
    assert str(told_of(lost, "Prism")) == (
        "Prism is lost: reset; start it again and repeat the command"
    )


def test_of_what_this_command_could_not_start_its_own_word_is_told():
    ours = {"is_ours": True, "said": "panic: no space left"}
    lost = not_started(ConnectionError("reset"), "Prism", **ours)
    assert str(lost) == (
        "Prism is lost: reset, its last line: panic: no space left; repeat the command"
    )
    ended = RuntimeError("Service failed to start up with error 2")
    assert str(not_started(ended, "Prism", **ours)) == (
        "Prism did not start: Service failed to start up with error 2, its last line: "
        "panic: no space left; docs/runners.md says what must be there"
    )


def test_a_users_mistake_that_a_remote_worker_met_is_told_as_such():
    text = (
        "Pipeline job-1 failed in state FAILED: java.lang.RuntimeException: Error\n"
        "Traceback (most recent call last):\n  File ...\n"
        "schemas.user_error.UserError: /data/voc cannot be read: gone\n"
    )
    told = told_of(RuntimeError(text), "Flink")
    assert type(told) is UserError
    assert str(told) == "/data/voc cannot be read: gone"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("components.example_gen.shards.staging.StagingGoneError", UserError),
        ("schemas.user_error.UnavailableError", UnavailableError),
        ("schemas.user_error.RefusedError", RefusedError),
        ("components.example_gen.source.gs.LostStoreError", UnavailableError),
    ],
)
def test_what_a_remote_worker_was_told_keeps_its_exit_status(name, kind):
    text = f"Traceback (most recent call last):\n  File ...\n{name}: /a is gone [while"
    told = told_of(RuntimeError(f"{text} running 'WriteShard']\n"), "Flink")
    assert isinstance(told, kind)
    assert type(told) in (UserError, UnavailableError, RefusedError)
    assert str(told) == "/a is gone"


_TOLD = """
import sys
from pipeline.beam.engine_errors import told_of
module = "components.example_gen.shards.staging"
assert module not in sys.modules
print(repr(told_of(RuntimeError(f"Traceback\\n{module}.StagingGoneError: gone"), "F")))
"""


def test_a_class_that_only_the_worker_has_imported_is_known():
    done = subprocess.run(
        [sys.executable, "-c", _TOLD],
        env=own_process.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "UserError('gone')\n"


@pytest.mark.parametrize(
    "name",
    [
        "components.example_gen.source.png_file.PngError",  # no mistake of a user
        "components.of_another_version.GoneError",
        "schemas.user_error.user_error_in",
        "elsewhere.UserError",
    ],
)
def test_what_is_no_class_of_a_users_mistakes_is_a_defect(name):
    text = f"Traceback (most recent call last):\n  File ...\n{name}: gone\n"
    assert told_of(RuntimeError(text), "Flink") is None


def test_a_defect_in_a_worker_keeps_its_trace():
    text = "failed: Traceback (most recent call last):\nKeyError: 'dog'"
    assert told_of(RuntimeError(text), "Flink") is None
    assert told_of(KeyError("dog"), "Flink") is None


def test_what_an_engine_says_without_a_trace_is_its_own_affair():
    told = told_of(RuntimeError("worker disconnected\nmore"), "Flink")
    assert type(told) is UnavailableError
    assert str(told) == ("Flink ended the job: worker disconnected; repeat the command")


def test_what_java_and_beam_put_before_it_is_left_out():
    # Flink 1.16 and Beam 2.51, whose worker was killed
    grpc = "org.apache.beam.vendor.grpc.v1p54p0.io.grpc.StatusRuntimeException: "
    said = "CANCELLED: call already cancelled."
    text = f"Pipeline BeamApp-root-1-2_a-b failed in state FAILED: {grpc}{grpc}{said}"
    assert str(told_of(RuntimeError(text), "Flink")) == (
        f"Flink ended the job: {said}; repeat the command"
    )


def test_a_record_that_flink_has_no_memory_for_is_not_mended_by_trying_again():
    # Flink 1.16, of the Evaluator's images, with 384 MB of managed memory per slot
    said = "Cannot write record to fresh sort buffer. Record too large."
    text = f"Pipeline BeamApp-1 failed in state FAILED: java.io.IOException: {said}"
    assert str(told_of(RuntimeError(text), "Flink")) == (
        f"Flink ended the job: {said}; raise taskmanager.memory.managed.size, "
        "then repeat the command"
    )


def files_of(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def worker(tmp_path):
    """`voc-pipeline-worker`, as the environment of these tests has it."""
    path = tmp_path / "worker"
    command = " ".join(own_process.command("pipeline.beam.worker"))
    paths = own_process.environment()["PYTHONPATH"]
    path.write_text(f'#!/bin/sh\nPYTHONPATH={paths} exec {command} "$@"\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def pool(worker, tmp_path):
    """The address of Beam's worker pool, which starts such workers."""
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    module = "apache_beam.runners.worker.worker_pool_main"
    command = [sys.executable, "-P", "-m", module, f"--service_port={port}"]
    process = subprocess.Popen(
        [*command, f"--container_executable={worker}"],
        env=own_process.environment(),
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 120
        while not answers(port):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
        yield f"localhost:{port}"
    finally:
        process.terminate()
        process.wait()


def answers(port):
    try:
        socket.create_connection(("localhost", port)).close()
    except OSError:
        return False
    return True


@needs_prism
@pytest.mark.parametrize("where", ["threads here", "processes", "processes of a pool"])
def test_ingest_by_prism_writes_the_same_bytes(
    data, tmp_path, worker, where, request, capfd
):
    config = tmp_path / "ingest.json"
    config.write_text('{"images_per_shard": 3}')
    environment = []
    if where == "processes":
        command = json.dumps({"command": str(worker)})
        environment = ["PROCESS", command]
    if where == "processes of a pool":
        environment = ["EXTERNAL", request.getfixturevalue("pool")]
    flags = ("environment_type", "environment_config")
    told = [f"--beam-arg=--{n}={v}" for n, v in zip(flags, environment, strict=False)]
    for runner in ("local", "prism"):
        out = ["--output", str(tmp_path / runner), "--config", str(config)]
        arguments = ["ingest", str(data), *out, "--runner", runner, "--quiet"]
        arguments += told if runner == "prism" else []
        # Prism gives a worker one minute to come, which a busy machine may need to
        # import Beam. The command is not wrong then, and says to repeat it.
        for _ in range(3):
            status = main(arguments)
            said = capfd.readouterr().err
            if "didn't get control connection" not in said:
                break
        assert status == 0
        assert said == ""
    assert files_of(tmp_path / "prism") == files_of(tmp_path / "local")


@needs_prism
@pytest.mark.parametrize(
    ("worker", "said"),
    [
        ("exit 3", "exit status 3"),
        ("echo no module >&2; exit 1", "exit status 1, no module"),
    ],
)
def test_a_worker_that_ends_before_it_meets_prism_is_one_line(
    data, tmp_path, monkeypatch, capfd, worker, said
):
    # Prism 2.77 would wait for it for ever
    monkeypatch.setattr("pipeline.beam.engines._WITHOUT_WORKERS_S", 0.2)
    command = tmp_path / "worker"
    command.write_text(f"#!/bin/sh\n{worker}\n")
    command.chmod(0o755)
    told = ["--beam-arg=--environment_type=PROCESS"]
    told.append(f'--beam-arg=--environment_config={{"command": "{command}"}}')
    out = ["--output", str(tmp_path / "out"), "--quiet", "--runner=prism"]
    assert main(["ingest", str(data), *out, *told]) == 69
    assert capfd.readouterr().err == (
        "voc-pipeline ingest: Prism has no worker: the process that was to be one "
        f"ended ({said}); mend what --environment_config starts\n"
    )


@needs_prism
def test_what_beam_cannot_pack_for_workers_is_one_line(data, tmp_path, capfd):
    out = ["--output", str(tmp_path / "out"), "--quiet", "--runner=prism"]
    told = "--beam-arg=--sdk_location=/not/here"
    assert main(["ingest", str(data), *out, told]) == 2
    said = capfd.readouterr().err
    assert said.startswith(
        "voc-pipeline ingest: what workers are to be given cannot be packed: The file "
        '"/not/here" cannot be found'
    )
    assert said.count("\n") == 1


@needs_prism
def test_a_job_may_take_longer_than_a_job_server_to_answer():
    import apache_beam as beam

    told = ["--runner=pipeline.beam.engines.PrismRunner", "--job_server_timeout=1"]
    told.append(f"--prism_location={shutil.which('prism')}")
    with beam.Pipeline(argv=told) as pipeline:
        _ = pipeline | beam.Create([3.0]) | beam.Map(time.sleep)


@needs_prism
def test_a_disk_that_is_full_is_one_line(data, tmp_path, monkeypatch, capfd):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("components.example_gen.transforms.write_planned", full)
    out = str(tmp_path / "out")
    command = ["ingest", str(data), "--output", out, "--quiet", "--runner", "prism"]
    assert main(command) == 2
    assert capfd.readouterr().err == (
        "voc-pipeline ingest: no space left on device for "
        f"{tmp_path}/.out.partial/.staging\n"
    )


@pytest.fixture
def long_run(data, tmp_path):
    """An ingest by Prism of many shards that is in the middle of its work."""
    many = tmp_path / "many"
    for folder, suffix in (("Annotations", "xml"), ("JPEGImages", "jpg")):
        (many / folder).mkdir(parents=True)
        source = min((data / folder).iterdir())
        for number in range(1500):
            os.link(source, many / folder / f"{number}.{suffix}")
    config = tmp_path / "ingest.json"
    config.write_text('{"images_per_shard": 10, "max_dropped_objects": 1}')
    command = [sys.executable, "-m", "pipeline", "ingest", str(many)]
    command += ["--output", str(tmp_path / "out"), "--runner", "prism"]
    process = subprocess.Popen(
        [*command, "--config", str(config)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    try:
        while not any((tmp_path / ".out.partial/.staging").glob("*/results/*.json")):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.communicate()


def prisms_of(pid):
    children = (
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    )
    return [
        child
        for child in children
        if "prism" in Path(f"/proc/{child}/comm").read_text()
    ]


@needs_prism
@pytest.mark.parametrize(
    ("ended", "status", "told"),
    [
        ("client", 130, "voc-pipeline ingest: interrupted; "),
        ("engine", 69, "voc-pipeline ingest: Prism is lost: "),
    ],
)
def test_a_run_that_loses_client_or_engine_leaves_neither_job_nor_output(
    long_run, tmp_path, ended, status, told
):
    (prism,) = prisms_of(long_run.pid)
    if ended == "client":
        long_run.send_signal(signal.SIGINT)
    else:
        os.kill(prism, signal.SIGKILL)
    _, errors = long_run.communicate(timeout=120)
    assert long_run.returncode == status, errors
    *before, last = errors.splitlines()
    assert last.startswith(told)
    assert all(line.startswith("ingest: ") for line in before), errors
    assert not Path(f"/proc/{prism}").exists()
    left = {path.name for path in tmp_path.iterdir() if "out" in path.name}
    assert left == set()

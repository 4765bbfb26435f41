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
from schemas import own_process

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

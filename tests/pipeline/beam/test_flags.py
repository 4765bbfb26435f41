"""Flags as people type them: one line each, before anything is read or started."""

import argparse
import contextlib

import pytest

from pipeline.__main__ import main
from pipeline.beam.choice import BeamConfig, StageArgs
from schemas.user_error import UserError

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
PROCESS = "--beam-arg=--environment_type=PROCESS"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--beam-arg=--direct_num_worker=2"],
            "Beam has no flag --direct_num_worker (did you mean "
            "'--direct_num_workers'?)",
        ),
        (["--beam-arg=--qqq"], "Beam has no flag --qqq"),
        (
            ["--runner=prism", "--beam-arg=--prism-location=p"],
            "Beam has no flag --prism-location (did you mean '--prism_location'?)",
        ),
        (
            ["--beam-arg=--direct_num_workers=two"],
            "argument --direct_num_workers: invalid int value: 'two'",
        ),
        (
            ["--runner=prism", "--beam-arg=--prism_location"],
            "argument --prism_location: expected one argument",
        ),
        (
            ["--beam-arg=--save_main_session=true"],
            "argument --save_main_session: ignored explicit argument 'true'",
        ),
        (
            ["--beam-arg=--environment_type=THREADS"],
            "--environment_type and what goes with it: Unknown environment type: "
            "THREADS",
        ),
        (
            [PROCESS, "--beam-arg=--environment_config={command}"],
            "--environment_type and what goes with it: Expecting property name",
        ),
        (
            [PROCESS, "--beam-arg=--environment_config=7"],
            "--environment_type and what goes with it: ",
        ),
        (
            ["--beam-arg=--environment_type=beam:env:nope:v1"],
            "--environment_type and what goes with it: 'beam:env:nope:v1'",
        ),
        (["--beam-arg=--help"], "Beam has no flag --help"),
        (
            ["--beam-arg=--environment_type=EXTERNAL"],
            "Option external_service_address is required for environment type "
            "EXTERNAL.\n",
        ),
        (["--beam-arg=--resource_hint=foo"], "Unknown resource hint: foo."),
        (["--beam-arg=--direct_num_workers=-5"], "--direct_num_workers=-5 is too li"),
        (["--beam-arg=--job_server_timeout=0"], "--job_server_timeout=0 is too little"),
        (
            ["--runner=prism", "--beam-arg=--experiments=pre_optimize=foo"],
            "Unknown or inapplicable phase for pre_optimize: foo",
        ),
        ([PROCESS], "Option process_command is required for environment type PROCESS."),
    ],
)
def test_what_beam_cannot_read_is_one_line(tmp_path, capsys, arguments, said):
    out = str(tmp_path / "out")
    assert main(["ingest", str(tmp_path), "--output", out, *arguments]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"voc-pipeline ingest: --beam-arg: {said}")
    assert told.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_what_beam_would_pack_is_not_packed_to_read_flags(tmp_path):
    from pipeline.beam.flags import require_readable

    setup = tmp_path / "setup.py"
    setup.write_text(f"open({str(tmp_path / 'was_run')!r}, 'w')")
    require_readable([f"--setup_file={setup}"], "flink")
    assert list(tmp_path.iterdir()) == [setup]


@pytest.mark.parametrize(
    ("arg", "said"),
    [
        ("--setup_file={tmp}/setup.py", "is no file; name one that is there"),
        ("--setup_file={tmp}", ": Beam takes setup.py or pyproject.toml"),
        ("--setup_file=gs://b/setup.py", "is no file; name one that is there"),
        ("--requirements_file={tmp}", "is no file; name one that is there"),
        ("--extra_package={tmp}/a.whl", "is no file; name one that is there"),
        ("--extra_package={tmp}/a", ": Beam takes .tar or .tar.gz or .whl or .zip"),
        ("--file_to_stage={tmp}/a", "is no file; name one that is there"),
    ],
)
def test_a_file_that_is_not_there_is_told_before_the_data_are_read(
    tmp_path, capsys, arg, said
):
    arg = arg.format(tmp=tmp_path)
    nothing, out = str(tmp_path / "nothing"), str(tmp_path / "out")
    assert main(["ingest", nothing, "--output", out, f"--beam-arg={arg}"]) == 2
    told = capsys.readouterr().err
    space = "" if said.startswith(":") else " "
    assert told == f"voc-pipeline ingest: --beam-arg: {arg}{space}{said}\n"


@pytest.mark.parametrize(
    ("flag", "runner"),
    [
        ("--prism_location", "prism"),
        ("--flink_job_server_jar", "flink"),
        ("--spark_job_server_jar", "spark"),
    ],
)
def test_a_file_of_one_runner_need_not_be_there_for_another(tmp_path, flag, runner):
    from pipeline.beam.flags import require_here

    arg = f"{flag}={tmp_path}/a"
    with pytest.raises(UserError, match=f"--beam-arg: {arg} is no file; name one"):
        require_here([arg], runner)
    require_here([arg], "local")


def test_a_file_that_is_there_or_is_fetched_is_taken(tmp_path):
    from pipeline.beam.flags import require_here

    there = tmp_path / "a-1.whl"
    there.touch()
    fetched = ["--extra_package=gs://b/c.whl", "--flink_job_server_jar=https://h/j.jar"]
    require_here([f"--extra_package={there}", *fetched], "flink")


@pytest.mark.parametrize("runner", ["prism", "flink", "spark"])
@pytest.mark.parametrize(
    ("args", "is_refused"),
    [
        ((), True),
        (("--sdk_container_image=mine:1",), True),  # Beam 2.77 starts its own for it
        (("--environment_config=mine:1",), False),
        (("--environment_option=docker_container_image=mine:1",), False),
        (("--setup_file=setup.py",), False),
        (("--extra_package=mine.whl",), False),
    ],
)
def test_an_image_without_our_code_is_refused(runner, args, is_refused):
    from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions
    from apache_beam.transforms.environments import DockerEnvironment, Environment

    from pipeline.beam.flags import require_readable

    told = ["--environment_type=DOCKER", *args]
    refusal = pytest.raises(UserError, match="--environment_type=DOCKER without an")
    with refusal if is_refused else contextlib.nullcontext():
        require_readable(told, runner)
    images = [arg for arg in told if not arg.startswith(("--setup", "--extra"))]
    portable = PipelineOptions(images).view_as(PortableOptions)
    starts = Environment.from_options(portable).container_image
    is_beams = starts == DockerEnvironment.default_docker_image()
    assert is_beams == (is_refused or images != told)


def test_what_is_told_of_workers_beside_their_kind_starts_no_docker():
    from pipeline.beam.flags import require_readable

    require_readable(["--environment_cache_millis=3000"], "prism")  # threads here


@pytest.mark.parametrize("command", ["/no/such/program", "{tmp_path}"])
def test_workers_here_that_are_no_program_are_refused(tmp_path, capsys, command):
    # Prism 2.77 would wait for them for ever
    command = command.format(tmp_path=tmp_path)
    config = f'--beam-arg=--environment_config={{"command": "{command}"}}'
    out = ["--output", str(tmp_path / "out"), "--runner", "prism"]
    assert main(["ingest", str(tmp_path), *out, PROCESS, config]) == 2
    said = f"--beam-arg: '{command}' is no program here that workers could be started"
    assert said in capsys.readouterr().err


def test_a_bucket_that_nobody_answers_for_is_told_before_the_job(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    told = ["--project=p-1", "--region=r", "--temp_location=gs://bucket/t"]
    told += ["--sdk_container_image=us/a:1"]
    out = ["--output", str(tmp_path / "out"), "--runner", "dataflow"]
    arguments = ["ingest", str(tmp_path), *out]
    assert main([*arguments, *(f"--beam-arg={arg}" for arg in told)]) == 69
    said = capsys.readouterr().err
    assert said.startswith(
        "voc-pipeline ingest: --temp_location gs://bucket/t: Timeout"
    )
    assert said.count("\n") == 1


_DATAFLOW = (
    *("--project=p-1", "--region=r", "--sdk_container_image=us/a:1"),
    "--temp_location=gs://bucket/t",
)
_SET = "--set=beam.stages.transform="


@pytest.mark.parametrize(
    ("stage", "runner", "said"),
    [
        ('["--qqq"]', "local", "Beam has no flag --qqq"),
        ('["--parallelism"]', "prism", "argument --parallelism: expected one argument"),
        ('["--setup_file=/no/setup.py"]', "local", "--setup_file=/no/setup.py is no "),
        (
            '["--temp_location=/tmp"]',
            "dataflow",
            "--temp_location=/tmp is no place for",
        ),
        ('["--region="]', "dataflow", "runner dataflow needs --region: name it"),
        (
            '["--environment_type=PROCESS","--environment_config={}"]',
            "prism",
            "'' is no program here that workers could be started by",
        ),
    ],
)
def test_what_a_stage_is_told_is_checked_alike_and_the_stage_named(
    tmp_path, capsys, stage, runner, said
):
    told = [f"--beam-arg={arg}" for arg in _DATAFLOW if runner == "dataflow"]
    where = ["--data", str(tmp_path), "--root", str(tmp_path / "root")]
    command = ["run", *where, "--preset=smoke", f"--runner={runner}", *told]
    assert main([*command, f"{_SET}{stage}"]) == 2
    line = capsys.readouterr().err
    assert line.startswith(f"voc-pipeline run: beam.stages.transform: {said}")
    assert line.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_stages_bucket_is_asked_for_with_what_the_stage_is_told(monkeypatch):
    from components.example_gen.source import remote
    from pipeline.cli import options

    asked, told = [], []
    monkeypatch.setattr(remote, "tell", told.append)
    monkeypatch.setattr(
        remote, "require_access", lambda *what: asked.append((*what, told[-1]))
    )
    more = ("--temp_location=gs://other/t", "--gcs_oauth_scope=s")
    stages = StageArgs(transform=more, statistics_gen=("--parallelism=2",))
    beam = BeamConfig(runner="dataflow", args=_DATAFLOW, stages=stages)
    options.tell_stores(beam)
    assert asked == [
        ("gs://bucket/t", "--temp_location", _DATAFLOW),
        (
            "gs://other/t",
            "beam.stages.transform: --temp_location",
            (*_DATAFLOW, *more),
        ),
    ]
    assert told[-1] == _DATAFLOW  # of what this process reads and writes itself


def test_what_a_package_tells_beam_is_there_where_it_runs():
    from pipeline.cli import options

    told = ["--setup_file=/app/setup.py", "--environment_type=PROCESS"]
    told.append('--environment_config={"command": "/app/worker"}')
    given = argparse.Namespace(runner="prism", beam_arg=told)
    options.beam_config(given, BeamConfig(), runs_here=False)
    with pytest.raises(UserError, match=r"/app/setup\.py is no file"):
        options.beam_config(given, BeamConfig())


def test_of_a_flag_that_is_given_twice_the_last_value_counts():
    from apache_beam.options.pipeline_options import FlinkRunnerOptions, PipelineOptions

    from pipeline.beam.flags import require_readable

    twice = ["--parallelism=2", "--parallelism=3"]
    require_readable(twice, "flink")
    options = PipelineOptions(twice).view_as(FlinkRunnerOptions)
    assert options.parallelism == 3


def test_a_job_server_may_have_flags_that_beam_has_not():
    from pipeline.beam.flags import require_readable

    require_readable(["--checkpointing_interval=5"], "flink")

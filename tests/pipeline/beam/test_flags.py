"""Flags as people type them: one line each, before anything is read or started."""

import pytest

from pipeline.__main__ import main

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

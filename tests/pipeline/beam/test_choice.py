import pytest

from pipeline.beam.choice import BeamConfig, StageArgs, pipeline_args
from pipeline.overrides import apply_overrides
from pipeline.presets import smoke
from schemas.user_error import UserError


def test_on_this_machine_it_is_beams_runner_in_python_and_tfx_packs_nothing():
    assert pipeline_args(BeamConfig()) == [
        "--runner=FnApiRunner",
        "--sdk_container_image=none",
    ]


@pytest.mark.parametrize("flag", ["--setup_file=s.py", "--sdk_container_image=us/a:1"])
def test_what_brings_the_code_to_the_workers_is_left_as_it_is(flag):
    where = ("--flink_master=host:8081", "--environment_type=PROCESS")
    config = BeamConfig(runner="flink", args=(*where, flag))
    assert pipeline_args(config)[1:4] == [*where, flag]
    assert "--sdk_container_image=none" not in pipeline_args(config)


@pytest.mark.parametrize(
    ("runner", "args", "lacking"),
    [
        ("flink", (), "--flink_master or --job_endpoint"),
        ("flink", ("--flink_master=",), "--flink_master or --job_endpoint"),
        ("flink", ("--flink_master=host:8081",), "--environment_type or --env"),
        ("spark", ("--parallelism=2",), "--job_endpoint or --spark_master_url"),
        ("spark", ("--spark_master_url=spark://h:7077",), "--environment_type or --"),
        ("dataflow", ("--project=p", "--region=r"), "--temp_location"),
        (
            "dataflow",
            ("--project=p", "--region=r", "--temp_location=gs://b/t", "--project="),
            "--project",
        ),
        (
            "dataflow",
            ("--project=p", "--region=r", "--temp_location=gs://b/t"),
            "--sdk_container_image or --setup_file or --extra_package",
        ),
    ],
)
def test_what_a_runner_must_be_told_is_asked_for(runner, args, lacking):
    with pytest.raises(UserError, match=f"runner {runner} needs {lacking}"):
        pipeline_args(BeamConfig(runner=runner, args=args))


_DATAFLOW = ("--project=p", "--region=r", "--sdk_container_image=us/a:1")


@pytest.mark.parametrize(
    "arg",
    [
        *("--temp_location=/tmp", "--temp_location=bucket/dir"),
        *("--temp_location=s3://bucket/t", "--temp_location=gs:///dir"),
        *("--temp_location=gs://My Bucket/t", "--staging_location=nonsense"),
    ],
)
def test_a_place_that_is_in_no_bucket_is_refused_before_beam_asks_for_it(arg):
    args = (*_DATAFLOW, "--temp_location=gs://bucket/t", arg)
    with pytest.raises(UserError, match=r"name one as --\w+_location=gs://BUCKET/DIR"):
        pipeline_args(BeamConfig(runner="dataflow", args=args))


def test_a_place_in_a_bucket_is_taken():
    args = (*_DATAFLOW, "--temp_location=gs://my-bucket.example/a b")
    assert args[-1] in pipeline_args(BeamConfig(runner="dataflow", args=args))


@pytest.mark.parametrize("master", ["--flink_master=[auto]", "--flink_master=[local]"])
def test_workers_of_an_engine_that_beam_starts_here_are_beams_affair(master):
    assert master in pipeline_args(BeamConfig(runner="flink", args=(master,)))


@pytest.mark.parametrize("master", ["localhost:7077", "local-cluster[2,1,1024]"])
def test_a_spark_whose_workers_are_other_processes_is_asked_how_they_start(master):
    args = (f"--spark_master_url={master}",)
    with pytest.raises(UserError, match="--environment_type"):
        pipeline_args(BeamConfig(runner="spark", args=args))


@pytest.mark.parametrize(
    "arg",
    [
        *("--runner=DirectRunner", "--runner", "parallelism=2", "-p=2", "--", ""),
        "--parallelism 2",  # two words in one: no flag of that name
    ],
)
def test_an_argument_that_is_no_flag_or_chooses_the_runner_is_refused(arg):
    with pytest.raises(ValueError, match="the runner by its own field"):
        BeamConfig(args=(arg,))
    with pytest.raises(ValueError, match="the runner by its own field"):
        StageArgs(transform=(arg,))


def test_a_runner_is_a_field_of_the_config():
    config = apply_overrides(
        smoke(),
        [
            "beam.runner=spark",
            'beam.args=["--job_endpoint=localhost:8099","--environment_type=LOOPBACK"]',
        ],
    )
    assert pipeline_args(config.beam)[0] == "--runner=pipeline.beam.engines.SparkRunner"


def test_a_stage_is_told_more_by_its_name():
    set_ = 'beam.stages.voc_example_gen=["--parallelism=4"]'
    stages = apply_overrides(smoke(), [set_]).beam.stages
    for stage in ("VocExampleGen", "EarlierVocExampleGen", "VocExampleGen-8"):
        assert stages.of_stage(stage) == ("--parallelism=4",)
    for stage in ("StatisticsGen", "Transform", "DetectionEvaluator", "Trainer"):
        assert stages.of_stage(stage) == ()

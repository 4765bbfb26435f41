"""Job servers that end, or say no, while a job is handed to them: one line each."""

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc
from apache_beam.runners.portability import flink_runner, job_server

from pipeline.__main__ import main
from pipeline.beam.choice import BeamConfig, StageArgs
from pipeline.beam.engine_there import require_engine
from pipeline.beam.engines import FlinkRunner
from schemas.user_error import UserError

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
LOOPBACK = "--environment_type=LOOPBACK"


class JobServer(beam_job_api_pb2_grpc.JobServiceServicer):
    """Knows two flags; what it does with a job is `does`."""

    does = "nothing"

    def __init__(self):
        self.server = grpc.server(ThreadPoolExecutor(4))
        beam_job_api_pb2_grpc.add_JobServiceServicer_to_server(self, self.server)
        self.endpoint = f"localhost:{self.server.add_insecure_port('localhost:0')}"
        self.ended = threading.Event()
        self.server.start()

    def _end(self):
        self.server.stop(None)  # cuts every call off
        self.ended.wait(10)

    def DescribePipelineOptions(self, request, context):  # noqa: N802  (Beam's name)
        types = beam_job_api_pb2.PipelineOptionType
        named = {"checkpointing_interval": types.INTEGER, "parallelism": types.INTEGER}
        return beam_job_api_pb2.DescribePipelineOptionsResponse(
            options=[
                beam_job_api_pb2.PipelineOptionDescriptor(name=name, type=kind)
                for name, kind in named.items()
            ]
        )

    def Prepare(self, request, context):  # noqa: N802
        if self.does == "ends at Prepare":
            self._end()
        if self.does == "refuses":
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no such job\nat line 7")
        if self.does == "breaks":
            context.abort(grpc.StatusCode.INTERNAL, "no space left")
        answer = beam_job_api_pb2.PrepareJobResponse(preparation_id="job")
        if self.does == "ends at the artifacts":
            answer.artifact_staging_endpoint.url = "localhost:1"
        return answer

    def Run(self, request, context):  # noqa: N802
        self._end()


@pytest.fixture
def server():
    server = JobServer()
    yield server
    server.ended.set()
    server.server.stop(None)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "drawn"
    assert main(["sample-data", str(folder), "--images", "3", "--seed", "1"]) == 0
    return folder


def ingest(data, output, *told):
    where = ["ingest", str(data), "--output", str(output), "--quiet"]
    return main([*where, "--runner=flink", *(f"--beam-arg={arg}" for arg in told)])


LOST = "the Flink job server is lost: "
REFUSED = "the Flink job server takes no such job: "


@pytest.mark.parametrize(
    ("does", "status", "said"),
    [
        ("ends at Prepare", 69, LOST),
        ("ends at the artifacts", 69, f"{LOST}unavailable: "),
        ("ends at Run", 69, LOST),
        ("refuses", 2, f"{REFUSED}invalid_argument: no such job; its log says more"),
        ("breaks", 69, f"{REFUSED}internal: no space left; its log says more"),
    ],
)
def test_a_job_that_cannot_be_handed_over(
    data, tmp_path, server, capsys, does, status, said
):
    server.does = does
    endpoint = f"--job_endpoint={server.endpoint}"
    assert ingest(data, tmp_path / "out", endpoint, LOOPBACK) == status
    told = capsys.readouterr().err
    assert told.startswith(f"voc-pipeline ingest: {said}")
    assert told.count("\n") == 1
    if said.startswith(LOST):
        assert told.endswith("; start it again and repeat the command\n")
    assert list(tmp_path.iterdir()) == []


UNREADABLE = [
    ("--qqq=1", "Beam has no flag --qqq"),
    # one of Beam's own, and one of the job server's
    (
        "--environment_typ=x",
        "Beam has no flag --environment_typ (did you mean '--environment_type'?)",
    ),
    (
        "--checkpointing_intervall=5",
        "Beam has no flag --checkpointing_intervall (did you mean "
        "'--checkpointing_interval'?)",
    ),
    (
        "--checkpointing_interval=often",
        "argument --checkpointing_interval: invalid int value: 'often'",
    ),
]


@pytest.mark.parametrize(("arg", "said"), UNREADABLE)
def test_what_a_job_server_cannot_read_is_told_before_the_data_are_read(
    tmp_path, server, capsys, arg, said
):
    endpoint = f"--job_endpoint={server.endpoint}"
    nothing = tmp_path / "not here"
    assert ingest(nothing, tmp_path / "out", endpoint, LOOPBACK, arg) == 2
    told = capsys.readouterr().err
    assert told == f"voc-pipeline ingest: --beam-arg: {said}\n"


@pytest.mark.parametrize(("arg", "said"), UNREADABLE)
def test_what_a_job_server_that_beam_starts_cannot_read_is_told_as_well(
    server, monkeypatch, arg, said
):
    started = job_server.ExternalJobServer(server.endpoint, 10)
    monkeypatch.setattr(
        flink_runner.FlinkRunner, "default_job_server", lambda *_: started
    )
    options = PipelineOptions(["--flink_master=h:8081", arg])
    with pytest.raises(UserError) as told:
        FlinkRunner().create_job_service(options)
    assert str(told.value) == f"what Beam is told: {said}"


def test_a_flag_of_a_later_stage_is_told_with_the_stages_name(server):
    args = (f"--job_endpoint={server.endpoint}", LOOPBACK, "--checkpointing_interval=5")
    require_engine(BeamConfig(runner="flink", args=args))
    stages = StageArgs(detection_evaluator=("--paralelism=2",))
    with pytest.raises(UserError) as told:
        require_engine(BeamConfig(runner="flink", args=args, stages=stages))
    assert str(told.value) == (
        "beam.stages.detection_evaluator: Beam has no flag --paralelism (did you mean "
        "'--parallelism'?)"
    )


@pytest.mark.parametrize(
    "endpoint", ["localhost", "http://localhost:8099", "localhost:99999", "a b:1", ":1"]
)
def test_an_endpoint_that_is_no_address_is_refused_at_once(endpoint):
    args = (f"--job_endpoint={endpoint}", LOOPBACK)
    with pytest.raises(UserError, match="is no address; name it as HOST:PORT"):
        require_engine(BeamConfig(runner="flink", args=args))

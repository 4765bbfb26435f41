"""What an engine says reaches Beam's worker, which ends with it."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from apache_beam.portability.api import (
    beam_provision_api_pb2,
    beam_provision_api_pb2_grpc,
    endpoints_pb2,
)
from google.protobuf import struct_pb2, text_format

from pipeline.beam import worker


class Engine(beam_provision_api_pb2_grpc.ProvisionServiceServicer):
    def GetProvisionInfo(self, request, context):  # noqa: N802  (Beam's name)
        self.metadata = dict(context.invocation_metadata())
        options = struct_pb2.Struct()
        options.update({"beam:option:experiments:v1": ["beam_fn_api"]})
        info = beam_provision_api_pb2.ProvisionInfo(
            pipeline_options=options,
            control_endpoint=endpoints_pb2.ApiServiceDescriptor(url="localhost:7"),
            logging_endpoint=endpoints_pb2.ApiServiceDescriptor(url="localhost:8"),
            runner_capabilities=["beam:protocol:one", "beam:protocol:two"],
        )
        return beam_provision_api_pb2.GetProvisionInfoResponse(info=info)


_WORKER = """
import time
from pipeline.beam import worker
worker.end_with_parent(every_s=0.1)
print("works", flush=True)
time.sleep(60)
"""
_STARTS_IT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {_WORKER!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


def test_a_worker_at_work_ends_when_its_engine_is_killed():
    engine = subprocess.Popen(
        [sys.executable, "-c", _STARTS_IT], stdout=subprocess.PIPE, text=True
    )
    pid = int(engine.stdout.readline())
    os.kill(engine.pid, signal.SIGKILL)
    engine.communicate()
    deadline = time.monotonic() + 30  # of 60 s that it would work on
    while lives(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def lives(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def engine():
    """An engine's provision service on loopback, and where it is."""
    server = grpc.server(ThreadPoolExecutor(1))
    service = Engine()
    beam_provision_api_pb2_grpc.add_ProvisionServiceServicer_to_server(service, server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield service, f"localhost:{port}"
    server.stop(None)


def test_a_worker_learns_where_it_is_wanted(engine):
    service, endpoint = engine
    found = worker.variables("1-1", worker.provisioned(endpoint, "1-1"))
    assert service.metadata["worker_id"] == "1-1"
    places = {}
    for name in ("CONTROL", "LOGGING"):
        place = endpoints_pb2.ApiServiceDescriptor()
        text_format.Merge(found[f"{name}_API_SERVICE_DESCRIPTOR"], place)
        places[name] = place.url
    assert places == {"CONTROL": "localhost:7", "LOGGING": "localhost:8"}
    assert "STATUS_API_SERVICE_DESCRIPTOR" not in found  # no such endpoint was named
    assert found["PIPELINE_OPTIONS"] == (
        '{"beam:option:experiments:v1": ["beam_fn_api"]}'
    )
    assert found["RUNNER_CAPABILITIES"] == "beam:protocol:one beam:protocol:two"

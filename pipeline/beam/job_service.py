"""Beam's Job API: whether a job server is there, and the flags that it has."""

import re
from collections.abc import Sequence
from typing import Any

import grpc
from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc

from pipeline.beam import flags
from pipeline.beam.choice import BeamConfig
from pipeline.beam.engine_errors import first_line
from schemas.user_error import UnavailableError, UserError

HERE = "embed"  # Beam's word for a job server in this process
_ANSWERS_WITHIN_S = 20  # a job server: Beam's own limit is 300 s, and six tries
# HOST:PORT, or one of gRPC's own schemes.
_ENDPOINT = re.compile(r"([^\s:/]+|\[[0-9a-fA-F:.%]+\]):(\d{1,5})|(dns|ipv.|unix):.+")


def require_job_servers(beam: BeamConfig, name: str) -> None:
    """Asks those that pipelines are told of; as of `require_engine`."""
    known: dict[str, Sequence[Any]] = {}
    for where, args in beam.told():
        portable = PipelineOptions(list(args)).view_as(PortableOptions)
        endpoint = portable.job_endpoint
        if not endpoint or endpoint == HERE:
            continue
        if endpoint not in known:
            known[endpoint] = require_job_server(portable, name)
        flags.require_readable_by(known[endpoint], args, where)


def require_job_server(portable: Any, where: str) -> Sequence[Any]:
    """What a job server has beside Beam's options; one that is starting may answer.

    `portable` are PortableOptions that name it. UserError if that is no address,
    UnavailableError if none answers there.
    """
    endpoint = portable.job_endpoint
    found = _ENDPOINT.fullmatch(endpoint)
    if found is None or int(found[2] or 0) > 65535:
        raise UserError(
            f"--job_endpoint={endpoint} is no address; name it as HOST:PORT"
        )
    within_s = min(_ANSWERS_WITHIN_S, portable.job_server_timeout)
    with grpc.insecure_channel(endpoint) as channel:
        try:
            service = beam_job_api_pb2_grpc.JobServiceStub(channel)
            return own_options(service, timeout=within_s, wait_for_ready=True)
        except grpc.RpcError as error:
            raise UnavailableError(
                f"{where} at {endpoint} did not answer within {within_s:g} s: "
                f"{first_line(error)}; start it, or name the right --job_endpoint"
            ) from error


def own_options(service: Any, **how: Any) -> Sequence[Any]:
    """Those that a job server has beside Beam's; `how` it is asked is gRPC's."""
    request = beam_job_api_pb2.DescribePipelineOptionsRequest()
    options: Sequence[Any] = service.DescribePipelineOptions(request, **how).options
    return options

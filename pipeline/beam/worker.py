"""One Beam worker in this environment: what an engine starts as a process.

    --environment_type=PROCESS
    --environment_config={"command": "/path/to/voc-pipeline-worker"}

Beam's own boot, a Go program, installs packages by `python -m pip` first, which an
environment made by uv does not have. Here everything is installed already: what is left
is to ask the engine where it wants the worker (Beam's Provision API) and to begin.
"""

import argparse
import json
import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import grpc

from pipeline.beam import light_import

light_import.import_beam()
from apache_beam.portability.api import (  # noqa: E402
    beam_provision_api_pb2,
    beam_provision_api_pb2_grpc,
)
from google.protobuf import json_format, text_format  # noqa: E402

# Beam's warnings in every worker of ours: no session was pickled, and what the job
# server says of True is no flag.
_ALWAYS_SAID = ("No semi_persistent_directory found", "Discarding unparseable args")


def provisioned(endpoint: str, worker_id: str) -> Any:
    """What the engine says about the job: Beam's ProvisionInfo."""
    with grpc.insecure_channel(endpoint) as channel:
        grpc.channel_ready_future(channel).result(timeout=60)
        service = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        request = beam_provision_api_pb2.GetProvisionInfoRequest()
        return service.GetProvisionInfo(
            request, metadata=[("worker_id", worker_id)]
        ).info


def variables(worker_id: str, info: Any) -> Mapping[str, str]:
    """The environment that Beam's worker reads, as Beam's own boot sets it."""
    found = {
        "WORKER_ID": worker_id,
        "PIPELINE_OPTIONS": json.dumps(
            json_format.MessageToDict(info.pipeline_options)
        ),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
    }
    for name in ("logging", "control", "status"):
        place = getattr(info, f"{name}_endpoint")
        if place.url:
            variable = f"{name.upper()}_API_SERVICE_DESCRIPTOR"
            found[variable] = text_format.MessageToString(place)
    return found


def end_with_parent(every_s: float = 1.0) -> None:
    """Ends this process soon after the one that started it, whatever it is doing.

    A worker of an engine that was killed writes on otherwise, beside its retry.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(every_s)
        os._exit(1)

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()


def _is_news(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(_ALWAYS_SAID)


def main(arguments: Sequence[str] | None = None) -> None:
    """Works until the engine ends the worker."""
    parser = argparse.ArgumentParser(prog="voc-pipeline-worker", description=__doc__)
    parser.add_argument("--id", required=True)
    parser.add_argument("--provision_endpoint", required=True)
    args, _ = parser.parse_known_args(arguments)
    end_with_parent()
    worker_id = args.id.strip("'")  # Prism 2.77 starts no shell, and quotes for one
    info = provisioned(args.provision_endpoint, worker_id)
    os.environ.update(variables(worker_id, info))
    from apache_beam.options import pipeline_options
    from apache_beam.runners.worker import sdk_worker_main

    for module in (sdk_worker_main, pipeline_options):
        module._LOGGER.addFilter(_is_news)
    sdk_worker_main.main([])


if __name__ == "__main__":
    main()

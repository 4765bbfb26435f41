"""Submits a compiled package as a run, with its pipeline root; waits for it on demand.

Exit status: 0 submitted, or with --wait succeeded, or with --if-changed the same as
before; 1 the run failed, and the failed stages' errors were printed; 2 bad input, or a
server that cannot be asked.
"""

import argparse
import json
import sys
import time
import uuid
from typing import Any

from pipeline.on_kubeflow import submission

KEPT = "a run that was submitted goes on on Kubeflow"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `voc-pipeline submit`."""
    add_server_arguments(parser)
    add_package_arguments(parser)
    parser.add_argument(
        "--run-name",
        metavar="NAME",
        help="what KFP shows (default: the pipeline's name and the time)",
    )
    parser.add_argument(
        "--wait", action="store_true", help="until the run ends; exit by its state"
    )
    parser.add_argument(
        "--if-changed",
        action="store_true",
        help="only if data, code or config are others than those of the experiment's "
        "last finished run of this pipeline to this push destination; the data set is "
        "read for that",
    )
    parser.add_argument(
        "--poll-seconds",
        type=float,
        default=10.0,
        metavar="S",
        help="how often --wait asks",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the run as JSON, for programs"
    )


def add_server_arguments(parser: argparse.ArgumentParser) -> None:
    """Which API server, and where in it; shared with `schedule`."""
    parser.add_argument(
        "--host", required=True, metavar="URL", help="URL of KFP's API server"
    )
    parser.add_argument(
        "--namespace",
        default="",
        metavar="NAME",
        help="a profile's, where Kubeflow has many users (default: the server's)",
    )


def add_package_arguments(parser: argparse.ArgumentParser) -> None:
    """What is to run; shared with `schedule create`."""
    parser.add_argument("--package", required=True, help="what `compile` wrote")
    parser.add_argument(
        "--root",
        default="",
        help="pipeline root, gs://, s3:// or minio:// (default: the cluster's)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the package, such as span=8; may be given several times "
        "(default: none)",
    )
    parser.add_argument(
        "--experiment",
        default="voc-pipeline",
        metavar="NAME",
        help="KFP's group of runs",
    )
    parser.add_argument(
        "--service-account",
        metavar="NAME",
        help="that the stages run as (default: the cluster's)",
    )


def run(args: argparse.Namespace) -> int:
    """Submits, and with --wait tells how the run ended."""
    package = submission.read_package(args.package)
    config = submission.runtime_config(package, args.set, args.root)
    purpose = submission.purpose(package, config)
    made_from = _made_from(package, config) if args.if_changed else "data were not read"
    description = purpose + made_from
    import kfp_server_api

    from pipeline.on_kubeflow.server import Server, failures

    server = Server(args.host, args.namespace)
    experiment_id = server.experiment(args.experiment)
    if args.if_changed:
        last = server.last_finished(
            experiment_id, lambda text: submission.is_for_something_else(text, purpose)
        )
        if last is not None and last.description == description:
            return _tell_unchanged(args, last)
    pipeline = package["pipeline_spec"]["pipelineInfo"]["name"]
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    # By its name a run is found that the server started and did not tell.
    name = args.run_name or f"{pipeline} {started} {uuid.uuid4().hex[:6]}"
    body = kfp_server_api.V2beta1Run(
        experiment_id=experiment_id,
        display_name=name,
        description=description,
        pipeline_spec=submission.spec_of(package),
        runtime_config=config,
        service_account=args.service_account or None,
    )
    run_id = server.start(body)
    told: dict[str, Any] = {"run_id": run_id, "name": name}
    told |= {"state": "SUBMITTED", "failures": []}
    sys.stderr.write(f"{name}: {server.host}/#/runs/details/{run_id}\n")
    if args.wait:
        ended = server.wait(run_id, args.poll_seconds, _tell)
        told["state"] = ended.state
        if ended.state != "SUCCEEDED":
            told["failures"] = failures(ended)
    if args.json:
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        for line in told["failures"]:
            sys.stderr.write(f"{line}\n")
        sys.stdout.write(f"{told['state']} {run_id}\n")
    return 0 if told["state"] in ("SUBMITTED", "SUCCEEDED") else 1


def _made_from(package: dict[str, Any], config: dict[str, Any]) -> str:
    from components.example_gen.source.digest import data_digest

    values = submission.values_of(package, config)
    spans = [values.get("span", "")]
    if earlier := values.get("earlier_span"):
        spans.append(earlier)
    digests = [data_digest(values["data"], span) for span in spans]
    return submission.made_from(package, config, digests)


def _tell_unchanged(args: argparse.Namespace, last: Any) -> int:
    told = {"run_id": last.run_id, "name": last.display_name, "state": "UNCHANGED"}
    sys.stderr.write(
        f"nothing to do: {last.display_name}, the last finished run, was made from the "
        "same data, code and config\n"
    )
    as_json = json.dumps({**told, "failures": []})
    sys.stdout.write(f"{as_json if args.json else f'UNCHANGED {last.run_id}'}\n")
    return 0


def _tell(state: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S', time.gmtime())} {state}\n")

"""Schedules of a compiled package on Kubeflow: KFP's recurring runs.

A schedule runs the package it was made from: code that was edited since is not in it.
"""

import argparse
import json
import sys
from typing import Any

from pipeline.cli.submit import add_package_arguments, add_server_arguments
from pipeline.on_kubeflow import cron, submission
from schemas.user_error import UserError

_ACTIONS = {
    "create": "run a package again and again",
    "list": "every schedule of the server",
    "pause": "no more runs until it is resumed",
    "resume": "go on with a paused one",
    "delete": "its finished runs stay",
    "run-now": "one run of it now",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `voc-pipeline schedule`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for action, text in _ACTIONS.items():
        options = actions.add_parser(action, help=text)
        add_server_arguments(options)
        if action == "create":
            add_package_arguments(options)
            options.add_argument(
                "--cron", required=True, help="5 fields as in crontab, or KFP's 6"
            )
        if action == "list":
            options.add_argument(
                "--json", action="store_true", help="print JSON, for programs"
            )
        else:
            options.add_argument("--name", required=True, help="of the schedule")


def run(args: argparse.Namespace) -> int:
    """Does the one thing that the action names."""
    if args.action == "create":
        return _create(args)
    from pipeline.on_kubeflow.server import Server

    server = Server(args.host, args.namespace)
    if args.action == "list":
        return _list(server.list_schedules(), args.json)
    found = server.schedule_named(args.name)
    identity = {"recurring_run_id": found.recurring_run_id}
    with server.told():
        if args.action == "run-now":
            sys.stdout.write(f"{server.start(_run_of(found))}\n")
        elif args.action == "pause":
            server.schedules.recurring_run_service_disable_recurring_run(**identity)
        elif args.action == "resume":
            server.schedules.recurring_run_service_enable_recurring_run(**identity)
        else:
            server.schedules.recurring_run_service_delete_recurring_run(**identity)
    return 0


def _create(args: argparse.Namespace) -> int:
    fields = cron.six_fields(args.cron)
    package = submission.read_package(args.package)
    config = submission.runtime_config(package, args.set, args.root)
    import kfp_server_api

    from pipeline.on_kubeflow.server import Server

    server = Server(args.host, args.namespace)
    names = [schedule.display_name for schedule in server.list_schedules()]
    if args.name in names:
        raise UserError(f"--name {args.name}: there is one; delete it, or name another")
    body = kfp_server_api.V2beta1RecurringRun(
        display_name=args.name,
        experiment_id=server.experiment(args.experiment),
        pipeline_spec=submission.spec_of(package),
        runtime_config=config,
        service_account=args.service_account,
        trigger={"cron_schedule": {"cron": fields}},
        mode="ENABLE",
        max_concurrency="1",  # two at once would be judged against the same model
        no_catchup=True,  # missed slots are not made up for
    )
    with server.told():
        made = server.schedules.recurring_run_service_create_recurring_run(
            recurring_run=body
        )
    sys.stdout.write(
        f"{made.recurring_run_id}: {cron.reading(fields)}; in the time zone of KFP's "
        "scheduled-workflow controller, UTC unless it was set\n"
    )
    return 0


def _list(schedules: list[Any], as_json: bool) -> int:
    rows = [
        {
            "name": schedule.display_name,
            "id": schedule.recurring_run_id,
            "status": schedule.status,
            "cron": schedule.trigger.cron_schedule.cron
            if schedule.trigger and schedule.trigger.cron_schedule
            else "",
        }
        for schedule in schedules
    ]
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return 0
    for row in rows:
        sys.stdout.write("{name}  {status}  {cron}  {id}\n".format(**row))
    return 0


def _run_of(schedule: Any) -> Any:
    """A run of what a schedule runs."""
    import time
    import uuid

    import kfp_server_api

    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return kfp_server_api.V2beta1Run(
        display_name=f"{schedule.display_name} {now} {uuid.uuid4().hex[:6]}",
        experiment_id=schedule.experiment_id,
        pipeline_spec=schedule.pipeline_spec,
        pipeline_version_reference=schedule.pipeline_version_reference,
        runtime_config=schedule.runtime_config,
        service_account=schedule.service_account,
    )

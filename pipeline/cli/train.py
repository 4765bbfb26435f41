"""Trains on what ingest wrote: the Trainer's work alone, on one machine or on several.

EXAMPLES is the output of ingest, or a run's --root. OUT gets `model`, which predict,
evaluate and export take; `checkpoints`, from which the same command goes on; and
`model_run`, what watches a training. Of begun trainings of other data, code or config
the newest two keep their checkpoints until there is a model. No gate judges that:
`evaluate OUT/model DATA` measures it, and a `run` with --set
trainer.model.initial_model=OUT/model goes on from it, and judges and pushes.

With --set trainer.strategy=multi_host and KERAS_BACKEND=jax the same command is started
in several processes, which train one model: JAX_COORDINATOR_ADDRESS=HOST:PORT says
where process 0 listens, JAX_NUM_PROCESSES how many there are, and JAX_PROCESS_ID which
this is, from 0, as Kubeflow Trainer sets them. Process 0 alone writes. One that is lost
ends the others with exit status 69. Where OUT has the model that they are to make, they
end with 0, as a scheduler that starts them again expects.
"""

import argparse
import os

from components.example_gen.source import remote
from pipeline.cli import config_options, options
from pipeline.cli.exit_status import ExitStatus
from schemas.config_json import to_json
from schemas.user_error import UserError
from trainer.model.backbones.imagenet_package import require_packaged_weights
from trainer.training.meeting import meeting_in
from trainer.training.tracking import require_trackers

KEPT = "checkpoints are kept in {output}; the same command goes on from there"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `voc-pipeline train`."""
    parser.add_argument(
        "examples", metavar="EXAMPLES", help="ingest's output, or the --root of a run"
    )
    parser.add_argument(
        "--output", required=True, metavar="OUT", help="a folder, new or begun"
    )
    config_options.add_config_arguments(parser, label_map=False)
    options.add_result_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Trains in this process, or as one of several in a child."""
    config = config_options.config_from(args).trainer
    several = config.strategy == "multi_host"
    meeting = meeting_in(os.environ) if several else None
    require_trackers(config.tracking)
    require_packaged_weights(config.model)
    _refuse_stores(args)
    options.require_data(args.examples)
    options.refuse_file(args.output)
    _make_folder(args.output)
    from pipeline.training.task import Task, do

    task = Task(
        examples=args.examples,
        output=args.output,
        config=to_json(config),
        quiet=args.quiet,
    )
    if os.path.exists(task.model) and not several:
        raise UserError(f"--output {args.output} has a model already; name another")
    if several:
        from pipeline.cli.train_process import train_in_own_process

        status = train_in_own_process(task, meeting)
    else:
        from components.example_gen.output.directories import locked
        from pipeline.run.console import quiet_console

        what = f"--output {args.output}"
        busy = f"another training is writing {what}; wait for it or name another"
        with (
            locked(os.path.join(args.output, ".lock"), what, busy),
            quiet_console(task.log(), quiet=args.quiet),
        ):
            do(task)
        status = ExitStatus.DONE
    if status == ExitStatus.DONE and os.path.exists(task.model):
        options.tell(args, {"model": task.model}, f"model     {task.model}\n")
    return status


def _make_folder(output: str) -> None:
    try:
        os.makedirs(output, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"--output {output} cannot be written: {error.strerror}; name another"
        ) from error


def _refuse_stores(args: argparse.Namespace) -> None:
    for name, path in (("EXAMPLES", args.examples), ("--output", args.output)):
        if remote.is_remote(path):
            raise UserError(
                f"{name} {path} is in a store, and train reads and writes folders: "
                "name one of this machine, or of a volume that is mounted here"
            )

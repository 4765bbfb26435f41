"""The command line: `voc-pipeline` or `python -m pipeline`."""

import importlib
import io
import os
import shutil
import sys
import textwrap
import traceback
from collections.abc import Sequence

from pipeline.cli.exit_status import ExitStatus
from pipeline.cli.interrupts import orderly_interrupts
from pipeline.cli.parser import CommandParser
from pipeline.run.colour import painted
from pipeline.run.temporary import own_temporary_folder
from schemas.did_you_mean import did_you_mean
from schemas.user_error import RefusedError, UnavailableError, UserError

# name -> (module, help). A module is imported only when its command is named, so
# that `--help` and the light commands stay fast.
COMMANDS = {
    "run": ("pipeline.cli.run", "VOC data set in, gated and pushed detector out"),
    "retrain": ("pipeline.cli.retrain", "the same where a span is new, for schedules"),
    "ingest": ("pipeline.cli.ingest", "check a VOC data set, write TFRecords"),
    "train": ("pipeline.cli.train", "a model from ingest's output, on many machines"),
    "score": ("pipeline.cli.score", "exact COCO and VOC metrics of a results file"),
    "show-data": ("pipeline.cli.show_data", "render what the model really sees"),
    "sample-data": ("pipeline.cli.sample_data", "draw a VOC data set to try things on"),
    "export": ("pipeline.cli.export", "a served model in another format, judged"),
    "benchmark": ("pipeline.cli.benchmark", "every format: exact, fast and small?"),
    "compile": ("pipeline.cli.compile", "write the Kubeflow Pipelines v2 package"),
    "submit": ("pipeline.cli.submit", "run such a package on Kubeflow"),
    "schedule": ("pipeline.cli.schedule", "run it again and again"),
    "predict": ("pipeline.cli.predict", "what a served model finds in pictures"),
    "evaluate": ("pipeline.cli.evaluate", "a served model on other data: the report"),
    "labels": ("pipeline.cli.labels", "labels that may be wrong, priced in AP"),
    "models": ("pipeline.cli.models", "the versions of a push destination"),
    "why": ("pipeline.cli.why", "why a version serves: data, rules, decisions"),
    "diff": ("pipeline.cli.diff", "which classes and images two versions differ in"),
    "verify": ("pipeline.cli.verify", "served versions are what was judged"),
    "rollback": ("pipeline.cli.rollback", "let an earlier version serve again"),
    "promote": (
        "pipeline.cli.promote",
        "let a judged version serve, here or there",
    ),
    "bless": ("pipeline.cli.bless", "push a model that the gate refused, by hand"),
    "reject": ("pipeline.cli.reject", "a version never serves again"),
    "runs": (
        "pipeline.cli.runs",
        "the runs of a root: when, how good, how they ended",
    ),
    "clean": ("pipeline.cli.clean", "delete what old runs left in a root"),
    "gc": ("pipeline.cli.gc", "delete old versions"),
    "presets": ("pipeline.cli.presets", "list the presets and what they cost"),
}


def _usage() -> str:
    indent = max(map(len, COMMANDS)) + 4
    columns = max(shutil.get_terminal_size().columns - 1, indent + 10)
    rows = "\n".join(
        textwrap.fill(
            text,
            columns,
            initial_indent=f"  {name}".ljust(indent),
            subsequent_indent=" " * indent,
        )
        for name, (_, text) in COMMANDS.items()
    )
    purpose = "A Pascal VOC data set in, a gated and served RetinaNet out."
    closing = (
        "voc-pipeline COMMAND --help tells a command's options; --version the version. "
        "Exit status: 0 done, 1 refused by a gate or a budget, 2 bad input, 69 an "
        "engine, a store or another process of a training is not there or lost, 70 a "
        "defect of this program, 130 interrupted."
    )
    return (
        "usage: voc-pipeline COMMAND [options]\n\n"
        f"{textwrap.fill(purpose, columns)}\n\n"
        f"commands:\n{rows}\n\n{textwrap.fill(closing, columns)}\n"
    )


def _version() -> str:
    from importlib import metadata

    return metadata.version("voc-pipeline")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status, one of `ExitStatus`."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if "_ARGCOMPLETE" in os.environ:
        from pipeline.cli.completion import complete

        complete(COMMANDS)
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        sys.stdout.write(_usage())
        return ExitStatus.DONE if arguments else ExitStatus.BAD_INPUT
    if arguments[0] == "--version":
        sys.stdout.write(f"voc-pipeline {_version()}\n")
        return ExitStatus.DONE
    name, *rest = arguments
    if name not in COMMANDS:
        meant, known = did_you_mean(name, COMMANDS), ", ".join(COMMANDS)
        sys.stderr.write(
            f"voc-pipeline: no command {name!r}{meant}; there are: {known}\n"
        )
        return ExitStatus.BAD_INPUT
    status = _run(name, rest)
    if argv is None and status in (ExitStatus.INTERRUPTED, ExitStatus.CRASHED):
        # Threads of TensorFlow and Beam that wait for a dead main thread would hang.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status


def _run(name: str, arguments: list[str]) -> int:
    kept = "nothing was written; the same command starts anew"
    if isinstance(sys.stdout, io.TextIOWrapper):  # file names may be no text
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with orderly_interrupts(), own_temporary_folder():
            module = importlib.import_module(COMMANDS[name][0])
            parser = CommandParser(
                prog=f"voc-pipeline {name}", description=module.__doc__
            )
            module.add_arguments(parser)
            args = parser.parse_args(arguments)
            kept = getattr(module, "KEPT", kept).format_map(vars(args))
            status = int(module.run(args))
            sys.stdout.flush()
            return status
    except UserError as error:
        return _tell(name, error)
    except KeyboardInterrupt:
        sys.stderr.write(f"voc-pipeline {name}: interrupted; {kept}\n")
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:  # what reads us, such as `head`, has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.DONE
    except Exception as error:
        from components.example_gen.source import lost_store
        from schemas.full_disk import full_disk_in

        if told := lost_store.found_in(str(error)) or full_disk_in(error):
            return _tell(name, told)
        traceback.print_exc()
        sys.stderr.write(f"voc-pipeline {name}: a defect of this program, see above\n")
        return ExitStatus.CRASHED


def _tell(name: str, error: UserError) -> ExitStatus:
    title = painted(f"voc-pipeline {name}:", "red", sys.stderr)
    sys.stderr.write(f"{title} {error}\n")
    return _status_of(error)


def _status_of(error: UserError) -> ExitStatus:
    if isinstance(error, RefusedError):
        return ExitStatus.REFUSED
    if isinstance(error, UnavailableError):
        return ExitStatus.UNAVAILABLE
    return ExitStatus.BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())

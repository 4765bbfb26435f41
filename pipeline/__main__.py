"""The command line: `voc-pipeline` or `python -m pipeline`."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from schemas.user_error import UserError

# name -> (module, help). A module is imported only when its command is named, so
# that `--help` and the light commands stay fast.
COMMANDS = {
    "run": ("pipeline.cli.run", "VOC data set in, gated and pushed detector out"),
    "ingest": ("pipeline.cli.ingest", "check a VOC data set, write TFRecords"),
    "score": ("pipeline.cli.score", "exact COCO and VOC metrics of a results file"),
    "show-data": ("pipeline.cli.show_data", "render what the model really sees"),
    "sample-data": ("pipeline.cli.sample_data", "draw a VOC data set to try things on"),
    "export-tflite": ("pipeline.cli.export_tflite", "a served model, for devices"),
    "compile": ("pipeline.cli.compile", "write the Kubeflow Pipelines v2 package"),
    "submit": ("pipeline.cli.submit", "run such a package on Kubeflow"),
    "schedule": ("pipeline.cli.schedule", "run it again and again"),
    "presets": ("pipeline.cli.presets", "list the presets and what they cost"),
}


def _usage() -> str:
    width = max(map(len, COMMANDS))
    rows = "\n".join(
        f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items()
    )
    return (
        "usage: voc-pipeline COMMAND [options]\n\n"
        "A Pascal VOC data set in, a gated and served RetinaNet out.\n\n"
        f"commands:\n{rows}\n\n"
        "voc-pipeline COMMAND --help tells a command's options.\n"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status: 2 where the input was bad."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        sys.stdout.write(_usage())
        return 0 if arguments else 2
    name, *rest = arguments
    if name not in COMMANDS:
        known = ", ".join(COMMANDS)
        sys.stderr.write(f"voc-pipeline: no command {name!r}; there are: {known}\n")
        return 2
    module = importlib.import_module(COMMANDS[name][0])
    parser = argparse.ArgumentParser(
        prog=f"voc-pipeline {name}", description=module.__doc__
    )
    module.add_arguments(parser)
    try:
        return int(module.run(parser.parse_args(rest)))
    except UserError as error:
        sys.stderr.write(f"voc-pipeline {name}: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())

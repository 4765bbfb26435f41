"""Completion of commands, options, presets and fields by the shell, with argcomplete.

eval "$(register-python-argcomplete voc-pipeline)"
"""

import importlib
import os
from collections.abc import Mapping

import argcomplete

from pipeline.cli.parser import CommandParser


def complete(commands: Mapping[str, tuple[str, str]]) -> None:
    """Answers the shell and exits; only the command that is typed is imported."""
    typed = os.environ.get("COMP_LINE", "").split()
    parser = CommandParser(prog="voc-pipeline")
    parser.add_argument("--version", action="store_true")
    each = parser.add_subparsers()
    for name, (module, text) in commands.items():
        options = each.add_parser(name, help=text)
        if name in typed[1:2]:
            importlib.import_module(module).add_arguments(options)
    argcomplete.autocomplete(parser)

"""The parser of every command: one line on a mistake, help that shows defaults."""

import argparse
import re
from typing import Any, NoReturn

from schemas.did_you_mean import did_you_mean


class HelpWithDefaults(argparse.RawDescriptionHelpFormatter):
    """Help in which each option that has a default shows it."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        shown = action.default not in (None, False, "", argparse.SUPPRESS, [])
        if shown and action.option_strings and "default" not in text:
            text += " (default: %(default)s)"
        return text


class CommandParser(argparse.ArgumentParser):
    """Refuses in one line, and says which option a mistyped one was meant to be."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", HelpWithDefaults)
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Prints the mistake in one line and exits with status 2."""
        unknown = re.match(r"unrecognized arguments: (--[^\s=]+)", message)
        if unknown:
            message += did_you_mean(unknown[1], self._option_string_actions)
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")

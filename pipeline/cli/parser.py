"""The parser of every command: one line on a mistake, help that shows defaults."""

import argparse
import re
from collections.abc import Callable
from typing import Any, NoReturn

from schemas.did_you_mean import did_you_mean


class HelpWithDefaults(argparse.HelpFormatter):
    """Help in which each option that has a default shows it; paragraphs stay apart."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        fill = super()._fill_text
        return "\n\n".join(fill(p, width, indent) for p in text.strip().split("\n\n"))

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        choices = list(map(str, action.choices or ()))
        if not all(choice in text for choice in choices):
            text += f": one of {', '.join(choices)}"
        shown = action.default not in (None, False, "", argparse.SUPPRESS, [])
        if shown and action.option_strings and "default" not in text:
            text += " (default: %(default)s)"
        return text

    def _metavar_formatter(
        self, action: argparse.Action, default_metavar: str
    ) -> Callable[[int], tuple[str, ...]]:
        if action.option_strings and action.metavar is None:
            return lambda size: (default_metavar,) * size  # choices make it too wide
        return super()._metavar_formatter(action, default_metavar)


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

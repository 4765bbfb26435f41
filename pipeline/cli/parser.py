"""The parser of every command: one line on a mistake, help that shows defaults."""

import argparse
import itertools
import re
import sys
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
    """Refuses in one line, and says what a mistyped option or choice may mean."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", HelpWithDefaults)
        super().__init__(allow_abbrev=False, **options)
        self._words: list[str] = []

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's; keeps the words for `error`."""
        self._words = list(sys.argv[1:] if args is None else args)
        return super().parse_known_args(args, namespace)

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        """As argparse's, which loses the value of --option=--."""
        if action.option_strings and action.nargs is None and arg_strings == ["--"]:
            value = self._get_value(action, "--")
            self._check_value(action, value)
            return value
        return super()._get_values(action, arg_strings)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """As argparse's; the one place that every enumerated option goes through."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            meant = did_you_mean(str(value), map(str, action.choices or ()))
            raise argparse.ArgumentError(action, f"{error.message}{meant}") from error

    def error(self, message: str) -> NoReturn:
        """Prints the mistake in one line and exits with status 2."""
        known = self._option_string_actions
        if message.startswith("unrecognized arguments: --"):
            message += did_you_mean(re.split(r"[\s=]", message)[2], known)
        elif message.endswith("expected one argument"):
            message += self._with_dashes(message)
        elif "are required" in message:  # said before anything of what is unknown
            options = [word.partition("=")[0] for word in self._words]
            for name in (
                one for one in options if one[:2] == "--" and one not in known
            ):
                message += f"; there is no {name}{did_you_mean(name, known)}"
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")

    def _with_dashes(self, message: str) -> str:
        """What to type where the value of an option begins with dashes."""
        options = re.findall(r"--[\w-]+", message)
        for option, value in itertools.pairwise(self._words):
            if option in options and value.startswith("-"):
                if value.partition("=")[0] in self._option_string_actions:
                    return f" before the option {value}"
                return f", and {value!r} looks like an option: write {option}={value}"
        return ""

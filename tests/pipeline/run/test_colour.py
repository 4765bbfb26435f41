import io

import pytest

from pipeline.run.colour import painted


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "expected"),
    [
        (Terminal(), {"TERM": "xterm"}, "\x1b[31mno\x1b[0m"),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, "no"),
        (Terminal(), {"TERM": "dumb"}, "no"),
        (io.StringIO(), {"TERM": "xterm"}, "no"),
    ],
)
def test_only_a_terminal_that_wants_colour_gets_it(
    stream, environment, expected, monkeypatch
):
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert painted("no", "red", stream) == expected

"""`presets NAME --explain`: each field has a meaning, and its range is real."""

import dataclasses
import re

import pytest

from pipeline import presets
from pipeline.__main__ import main
from pipeline.cli.explain import meanings_of

RANGE = re.compile(r"\((?:from (\S+)|to (\S+)|(\S+?)\.\.(\S+))\)\.?$")


def configs_of(config):
    yield config
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from configs_of(value)


CONFIGS = [c for name in presets.PRESETS for c in configs_of(presets.preset(name))]
CLASSES = {type(config): config for config in CONFIGS}


@pytest.mark.parametrize("config_class", CLASSES)
def test_every_field_has_a_meaning(config_class):
    fields = [field.name for field in dataclasses.fields(config_class)]
    meanings = meanings_of(config_class)
    assert [name for name in fields if not meanings.get(name)] == []
    assert [name for name in meanings if name not in fields] == []


def stated_ranges():
    for config_class, config in CLASSES.items():
        for name, meaning in meanings_of(config_class).items():
            found = RANGE.search(meaning)
            if found:
                low, high = found[1] or found[3], found[2] or found[4]
                case = f"{config_class.__name__}.{name}"
                yield pytest.param(config, name, low, high, id=case)


@pytest.mark.parametrize(("config", "name", "low", "high"), list(stated_ranges()))
def test_a_stated_range_is_the_one_that_is_checked(config, name, low, high):
    beyond = [float(low) - 1] if low else []
    beyond += [float(high) + 1] if high else []
    for value in beyond:
        with pytest.raises(ValueError, match=name):
            dataclasses.replace(config, **{name: value})


def test_explain_shows_value_type_and_meaning(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["presets", "smoke", "--explain"]) == 0
    told = capsys.readouterr().out
    assert "trainer.train_steps = 4\n    a whole number; length in steps; 0:" in told
    assert 'gate.difficult = "ignore"\n    one of ' in told
    for line in told.splitlines():
        assert len(line) <= 60 or " = " in line


def test_explain_needs_a_preset(capsys):
    assert main(["presets", "--explain"]) == 2
    assert "presets NAME --explain" in capsys.readouterr().err

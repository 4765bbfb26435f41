import pytest

from pipeline import presets
from pipeline.overrides import apply_overrides
from schemas.user_error import UserError


@pytest.fixture
def config():
    return presets.cpu_small()


def test_a_nested_field_takes_a_typed_value_and_leaves_the_rest(config):
    changed = apply_overrides(config, ["trainer.seed=7", "gate.min_map=0.25"])

    assert changed.trainer.seed == 7
    assert changed.gate.min_map == 0.25
    assert changed.ingest == config.ingest


def test_later_assignments_win(config):
    assert (
        apply_overrides(config, ["trainer.seed=1", "trainer.seed=2"]).trainer.seed == 2
    )


def test_text_needs_no_quotes(config):
    assert apply_overrides(config, ["name=weekly"]).name == "weekly"


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        (
            "trainer.sede=1",
            r"trainer has no field 'sede' \(did you mean 'seed'\?\); its fields: .*",
        ),
        (
            "gaet.min_map=1",
            r"config has no field 'gaet' \(did you mean 'gate.min_map'\?\); its",
        ),
        ("name.first=x", "name has no field 'first'; its fields: none"),
        ("trainer.seed", "is not FIELD=VALUE"),
        (
            "trainer.seed=soon",
            "^--set trainer.seed=soon: trainer.seed takes a whole number, got 'soon'$",
        ),
        (
            "gate.min_map=3",
            "^--set gate.min_map=3: gate: need 0 <= min_map <= 1, got 3",
        ),
        ("ingest.gzip=False", "ingest.gzip takes true or false, got 'False'"),
    ],
)
def test_nonsense_is_one_line_that_says_what_exists(config, assignment, message):
    with pytest.raises(UserError, match=message) as caught:
        apply_overrides(config, [assignment])

    assert "\n" not in str(caught.value)

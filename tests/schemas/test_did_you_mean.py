import pytest

from schemas.did_you_mean import did_you_mean

OPTIONS = ("--json", "--window", "-h")


@pytest.mark.parametrize(
    ("name", "known", "said"),
    [
        ("sede", ("seed", "root"), " (did you mean 'seed'?)"),
        ("--windw", OPTIONS, " (did you mean '--window'?)"),
        ("-window", OPTIONS, " (did you mean '--window'?)"),
        ("--span", OPTIONS, ""),  # near --json only by the dashes
    ],
)
def test_the_nearest_name_is_offered_and_none_for_its_dashes_alone(name, known, said):
    assert did_you_mean(name, known) == said

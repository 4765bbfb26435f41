import pytest

from components.data_gate.judged_split import judged_split
from schemas.user_error import UserError


@pytest.mark.parametrize(
    ("wanted", "names", "split"),
    [
        ("auto", ("train", "eval", "test"), "test"),
        ("auto", ("train", "eval"), "eval"),
        ("eval", ("train", "eval", "test"), "eval"),
        ("test", ("train", "eval", "test"), "test"),
    ],
)
def test_the_split_that_is_meant(wanted, names, split):
    assert judged_split(wanted, names) == split


def test_a_split_that_the_data_lack_is_the_user_s_to_mend():
    with pytest.raises(UserError, match=r"gate\.split is test, and the data have"):
        judged_split("test", ("train", "eval"))

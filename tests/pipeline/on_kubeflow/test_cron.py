import pytest

from pipeline.on_kubeflow import cron
from schemas.user_error import UserError


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ("0 3 * * 1", "0 0 3 * * 1"),
        ("30 0 3 * * 1", "30 0 3 * * 1"),
        ("*/15 8-18 1,15 jan-mar mon-fri", "0 */15 8-18 1,15 JAN-MAR MON-FRI"),
        ("0 0 9 ? * 2-6", "0 0 9 ? * 2-6"),
    ],
)
def test_five_fields_get_a_second_and_six_stay(given, fields):
    assert cron.six_fields(given) == fields


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("0 3 * *", "has 4 fields"),
        ("60 3 * * 1", "'60' is no minute; it goes from 0 to 59"),
        ("0 3 * * 7", "'7' is no day of week"),
        ("0 3 0 * 1", "'0' is no day of month"),
        ("0 5-3 * * 1", "'5-3' is no hour"),
        ("*/0 3 * * 1", "no minute"),
        ("0 3 * FOO 1", "no month"),
    ],
)
def test_what_kfp_would_refuse_later_is_refused_now(given, message):
    with pytest.raises(UserError, match=message):
        cron.six_fields(given)


def test_the_reading_names_each_field():
    assert cron.reading("0 0 3 * * 1") == (
        "second 0, minute 0, hour 3, any day of month, any month, day of week 1"
    )

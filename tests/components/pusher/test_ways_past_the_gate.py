"""A detector that finds nothing (mAP 0) against one that serves, through the stages."""

import math

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

# Both dogs fill their images: the served detector's box is the whole image, mAP 1. The
# bad one's box has half the sides, IoU 1/4: mAP 0.
IMAGES = {"a": (40, 30, [[0, 0, 40, 30]]), "b": (40, 30, [[0, 0, 40, 30]])}
GOOD, BAD = 1.0, 0.5
ANY_NUMBER = {"min_map": 0.0}


@pytest.fixture
def run(stages):
    """Looks up, judges and pushes the bad detector; `meanwhile` happens in between."""
    stages.write_examples(IMAGES)

    def run(meanwhile=lambda: None, **detector):
        model = stages.model("candidate", **{"edge": BAD, **detector})
        baseline = stages.look_up()
        judged = stages.evaluate(model, baseline, ANY_NUMBER)
        meanwhile()
        return judged, stages.push(model, baseline, judged)

    return run


def newest(stages):
    return max(
        (path.name for path in stages.served.iterdir() if path.name.isdigit()), key=int
    )


def assert_refused(judged, pushed, reason):
    assert judged.metrics["eval"]["candidate"]["AP"] == 0
    assert not judged.verdict["blessed"]
    assert any(reason in text for text in judged.verdict["reasons"])
    assert pushed.get_int_custom_property("pushed") == 0


def test_a_bad_model_is_pushed_where_nothing_serves_and_any_number_will_do(stages, run):
    """Else the tests below would show nothing."""
    judged, pushed = run()

    assert judged.verdict["blessed"]
    assert pushed.get_string_custom_property("pushed_version") == newest(stages)


def test_a_destination_with_brackets_in_its_name(stages, run):
    stages.served = stages.folder / "served [v1]*?"
    stages.serve(7, edge=GOOD)

    assert_refused(*run(), "is worse than the served model's 1.0000")
    assert newest(stages) == "7"


def test_a_version_folder_that_is_a_link(stages, run):
    stages.served.mkdir()
    stages.model("elsewhere", edge=GOOD)
    target = stages.folder / "elsewhere" / "Format-Serving"
    (stages.served / "7").symlink_to(target)

    assert_refused(*run(), "is worse than the served model's 1.0000")
    assert newest(stages) == "7"


def test_another_root_pushes_during_the_run(stages, run):
    judged, pushed = run(meanwhile=lambda: stages.serve(7, edge=GOOD))

    assert judged.verdict["blessed"]  # nothing served when it was judged
    assert pushed.get_int_custom_property("pushed") == 0
    assert pushed.get_string_custom_property("not_pushed") == (
        "it was judged against no served model, and now version 7 serves: "
        "run again to judge it anew"
    )
    assert newest(stages) == "7"


def test_a_good_model_of_the_same_data_code_and_config_serves(stages, run):
    """Pushed by another root, whose fingerprint is the same."""
    good = stages.model("good", edge=GOOD)
    baseline = stages.look_up()
    judged = stages.evaluate(good, baseline, ANY_NUMBER)
    version = stages.push(good, baseline, judged)

    assert_refused(*run(), "is worse than the served model's 1.0000")
    assert newest(stages) == version.get_string_custom_property("pushed_version")


def test_a_class_that_this_week_s_data_does_not_hold(stages, run):
    # Of dogs, the served detector is as bad as the new one; but it knows cats, too.
    stages.serve(7, edge=BAD, class_names=("cat", "dog"))

    assert_refused(*run(), "the served model knows cat, which this one would lose")


def test_weights_that_are_nan(stages, run):
    assert_refused(*run(edge=math.nan), "1 variables hold NaN or infinity, such as")


def test_a_served_model_that_gives_nan(stages, run):
    stages.serve(7, score=math.nan)
    judged, pushed = run()

    assert not judged.verdict["blessed"]
    assert "the served model's mAP is no number here" in judged.verdict["reasons"][-1]
    assert pushed.get_int_custom_property("pushed") == 0


@pytest.mark.parametrize("kind", ["damaged", "foreign", "nameless"])
def test_a_served_model_that_no_candidate_can_be_compared_with(stages, run, kind):
    from schemas.user_error import UserError

    signatures = ["serving_default"] if kind == "foreign" else ()
    folder = stages.served / "7"
    stages.serve(7, edge=GOOD, signatures=signatures)
    if kind == "damaged":
        (folder / "saved_model.pb").write_bytes(b"no graph")
    if kind == "nameless":
        (folder / "assets.extra" / "label_map.txt").unlink()

    with pytest.raises(UserError, match="7, the version that serves, is no detector"):
        run()

"""A judged version is made to serve, within a destination and from one to another."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from components.baseline import history, served_models
from components.baseline.push import NotPushedError, push
from components.baseline.push_record import RECORD_FILE, PushRecord
from components.baseline.versions import collect_garbage, reject, rollback
from components.evaluator.coco_combine import ScoredImage
from components.evaluator.config import GateConfig
from components.evaluator.gate import decide
from components.evaluator.image_columns import ImageColumns
from components.evaluator.judged_images import JudgedImages
from components.evaluator.judgement import Evidence
from components.pusher.promotion import promote
from pipeline.__main__ import main
from schemas.config_json import to_mapping
from schemas.user_error import RefusedError, UserError

BOX = np.array([[10.0, 10, 30, 30]])
IMAGES = 30


def judged(found, names=("ant",), images=IMAGES, prefix="image"):
    """Images of an ant each, of which a model finds the first `found`."""
    return JudgedImages(
        "test",
        names,
        "ignore",
        ImageColumns.of_images(
            [
                ScoredImage(
                    image_id=f"{prefix}{number:02d}",
                    gt_boxes=BOX,
                    gt_classes=np.zeros(1, np.int64),
                    gt_difficult=np.zeros(1, bool),
                    boxes=BOX[: number < found],
                    classes=np.zeros(int(number < found), np.int64),
                    scores=np.full(int(number < found), 0.9, np.float32),
                )
                for number in range(images)
            ]
        ),
    )


@pytest.fixture
def pushed(tmp_path):
    """Pushes a model that finds so many ants; returns its version."""

    def pushed(place, found, images=None, gate=None):
        images = judged(found) if images is None else images
        model = tmp_path / f"model-{found}-{len(images.class_names)}"
        model.mkdir(exist_ok=True)
        (model / "saved_model.pb").write_bytes(b"graph %d" % found)
        summary = images.summary().metrics
        record = PushRecord(
            fingerprint="f",
            judged_against=served_models.baseline_identity(str(place), ""),
            model_digest=served_models.model_digest(str(model)),
            metrics={"test": {name: summary[name] for name in ("AP", "AP50")}},
            verdict={"blessed": True, "split": "test", "reasons": ["as it was"]},
            origin={"gate": to_mapping(gate or GateConfig(min_map=0.0))},
        )
        return push(str(model), str(place), record, images.to_bytes())

    return pushed


@pytest.fixture
def served(tmp_path):
    return str(tmp_path / "served")


def test_an_earlier_version_that_is_no_worse_serves_as_a_new_one(served, pushed):
    one, two = pushed(served, 29), pushed(served, 30)

    promoted = promote(one, served, "quieter at night")

    assert promoted.verdict.compared == "equal within noise"
    now = served_models.serving(served)
    assert now.version == promoted.served.version > two.version
    assert served_models.model_digest(now.path) == served_models.model_digest(one.path)
    assert now.record.copy_of == one.version
    assert now.record.judged_against == two.identity
    assert now.record.promotion["because"] == "quieter at night"
    assert now.record.promotion["verdict"]["blessed"]
    decision = history.decisions(served)[-1]
    assert (decision.action, decision.version) == ("promote", now.version)
    assert (decision.replaces, decision.who) == (two.version, history.me())
    # Candidates are judged against what serves.
    assert served_models.baseline(served).version == now.version


def test_no_run_undoes_a_promotion_and_a_person_can(served, pushed):
    one, two = pushed(served, 29), pushed(served, 30)
    promote(one, served, "quieter at night")

    with pytest.raises(NotPushedError, match="this very model was replaced"):
        pushed(served, 30)  # the run that made it, once more
    third = pushed(served, 28)  # another week's
    assert served_models.serving(served).version == third.version

    back = promote(two, served, "complaints")
    assert served_models.serving(served).version == back.served.version
    assert two.record.model_digest not in history.not_to_push(served)


def test_a_rollback_goes_back_to_what_a_promotion_replaced(served, pushed):
    one, two = pushed(served, 29), pushed(served, 30)
    promote(one, served, "quieter at night")

    back = rollback(served, None, "it was not")

    assert back.record.model_digest == two.record.model_digest


def test_a_rolled_back_version_can_be_promoted_and_a_rejected_one_not(served, pushed):
    one, two = pushed(served, 30), pushed(served, 29)
    rollback(served, None, "bad photos")
    assert two.record.model_digest in history.withdrawn(served)

    promote(two, served, "the photos were bad, not the model")

    assert two.record.model_digest not in history.withdrawn(served)
    with pytest.raises(UserError, match="is the model that serves"):
        promote(two, served, "again")
    reject(served, one.version, "wrong labels")
    with pytest.raises(
        RefusedError, match=r"it was rejected \(reject of .*: wrong labels\)"
    ):
        promote(one, served, "all the same")


def test_a_trials_gate_does_not_lower_that_of_the_place_it_comes_to(tmp_path, pushed):
    staging, production = str(tmp_path / "staging"), str(tmp_path / "production")
    pushed(production, 29, gate=GateConfig(min_map=0.9))
    loose = GateConfig(min_map=0.0, max_map_drop=1.0, max_class_drop=None)
    found_20 = pushed(staging, 20, gate=loose)

    with pytest.raises(RefusedError, match=r"below the threshold 0\.9"):
        promote(found_20, production, "in a hurry")

    better = pushed(staging, 30, gate=loose)
    promoted = promote(better, production, "better")
    assert "threshold 0.9" in " ".join(promoted.verdict.reasons)


def test_a_worse_version_is_refused_and_the_rule_is_said(served, pushed):
    one = pushed(served, 10)
    two = pushed(served, 30)

    with pytest.raises(RefusedError) as caught:
        promote(one, served, "quieter")

    # 10 of 30 found, none falsely: precision 1 up to recall 1/3, 34 of 101 points.
    assert "mAP 0.3366 is worse than the served model's 1.0000" in str(caught.value)
    assert served_models.serving(served).version == two.version
    assert history.decisions(served)[-1].action == "push"


def test_from_one_destination_to_another_that_serves_nothing_yet(
    tmp_path, served, pushed
):
    one = pushed(tmp_path / "staging", 29, gate=GateConfig(min_map=0.9))
    promoted = promote(one, served, "two quiet weeks")
    assert promoted.served.record.copy_of is None
    assert promoted.served.record.judged_against == ""
    poor = pushed(tmp_path / "other", 10, gate=GateConfig(min_map=0.9))
    with pytest.raises(RefusedError, match=r"mAP 0\.3366 is below the threshold 0\.9"):
        promote(poor, str(tmp_path / "empty"), "why not")


def test_a_class_that_serves_is_not_lost_by_a_promotion(tmp_path, served, pushed):
    pushed(served, 30, images=judged(30, names=("ant", "bee")))
    one = pushed(tmp_path / "staging", 29)
    with pytest.raises(RefusedError, match="the served model knows bee"):
        promote(one, served, "why not")


def test_what_was_judged_on_other_images_is_not_compared(tmp_path, served, pushed):
    pushed(served, 30)
    other = pushed(tmp_path / "staging", 29, images=judged(29, prefix="photo"))
    with pytest.raises(UserError, match="no image that both"):
        promote(other, served, "why not")


def test_few_images_that_both_were_judged_on_tell_nothing(tmp_path, served, pushed):
    """19 of 30; of a split of 19, all of them."""

    def since(first, found):
        columns = judged(found, images=IMAGES + first).columns
        names = [f"image{number:02d}" for number in range(first, IMAGES + first)]
        return dataclasses.replace(
            judged(found), columns=columns.only(np.isin(columns.image_ids, names))
        )

    pushed(served, 30)
    other = pushed(tmp_path / "staging", 41, images=since(11, 41))
    with pytest.raises(RefusedError) as caught:
        promote(other, served, "why not")
    assert (
        "19 of the images that both versions were judged on are the same and annot"
        in str(caught.value)
    )
    assert "20 are needed" in str(caught.value)
    promote(pushed(tmp_path / "b", 40, images=since(10, 40)), served, "better")
    small = pushed(tmp_path / "c", 19, images=judged(19, images=12, prefix="image"))
    with pytest.raises(RefusedError, match=r"2 of the images .* 12 are"):
        promote(small, served, "few")
    promote(small, str(tmp_path / "empty"), "the first")
    all_of_it = pushed(tmp_path / "d", 18, images=judged(12, images=12))
    promote(all_of_it, str(tmp_path / "empty"), "as many as there are")


def test_a_version_over_a_budget_of_the_serving_check_is_not_promoted(
    tmp_path, served, pushed
):
    now = pushed(served, 30)
    one = pushed(tmp_path / "staging", 29)

    def with_check(ms, check):
        origin = {**one.record.origin, "serving_check": check}
        return dataclasses.replace(
            one,
            record=dataclasses.replace(
                one.record, serving={"ms_per_image": ms}, origin=origin
            ),
        )

    for ms, check, said in (
        (30.0, {"max_ms_per_image": 20.0}, "30 ms per image are over the budget of 20"),
        (
            30.0,
            {"max_size_ratio": 0.5},
            r"1 times its size are over the budget of 0\.5",
        ),
    ):
        with pytest.raises(RefusedError, match=said):
            promote(with_check(ms, check), served, "why not")
    unknown = "nothing tells whether it is within serving_check.max_memory_mib"
    with pytest.raises(RefusedError, match=unknown):
        promote(with_check(30.0, {"max_memory_mib": 900.0}), served, "why not")
    record_file = Path(now.path) / RECORD_FILE
    told = json.loads(record_file.read_text())
    told["serving"] = {"ms_per_image": 10.0}
    record_file.write_text(json.dumps(told))
    with pytest.raises(RefusedError, match="3 times its time per image are over"):
        promote(with_check(30.0, {"max_ms_ratio": 2.0}), served, "why not")
    promote(with_check(30.0, {"max_ms_ratio": 3.0}), served, "within it")


def test_a_version_comes_to_serve_in_a_store(tmp_path, pushed, other_store):
    one = pushed(tmp_path / "staging", 29)
    place = other_store(str(tmp_path / "production"))
    size = served_models.export_bytes(one.path)
    first = promote(one, place, "good on the road").served
    assert served_models.export_bytes(first.path) == size == len(b"graph 29")
    two = pushed(tmp_path / "staging", 30)
    assert promote(two, place, "better").served.version == first.version + 1


def test_files_that_changed_since_are_not_promoted(tmp_path, served, pushed):
    pushed(served, 30)
    one = pushed(tmp_path / "staging", 29)
    (tmp_path / "staging" / str(one.version) / "more").write_text("")
    with pytest.raises(RefusedError, match="its files are not those that were judged"):
        promote(one, served, "why not")


def test_weights_that_were_no_numbers_are_none_still(tmp_path, served, pushed):
    pushed(served, 30)
    one = pushed(tmp_path / "staging", 29)  # blessed by hand, say
    evidence = Evidence(
        split="test",
        images=1,
        objects={"ant": 1},
        detections=1,
        candidate={"AP": 1.0},
        broken_variables=["head/kernel"],
    )
    verdict = decide(GateConfig(min_map=0.0), evidence).as_dict()
    record = dataclasses.replace(one.record, verdict=verdict)
    with pytest.raises(RefusedError, match="NaN or infinity, such as head/kernel"):
        promote(dataclasses.replace(one, record=record), served, "why not")


def test_what_it_was_judged_against_is_not_collected(served, pushed):
    one, two, three = (pushed(served, found) for found in (29, 30, 28))
    now = promote(one, served, "quieter").served
    assert set(collect_garbage(served, 1)) == {one.version, two.version}
    assert {m.version for m in served_models.served_models(served)} == {
        three.version,
        now.version,
    }


def test_a_gate_of_a_newer_program_is_read(tmp_path, served, pushed):
    one = pushed(tmp_path / "staging", 29)
    origin = {"gate": {**one.record.origin["gate"], "of_tomorrow": 1}}
    record = dataclasses.replace(one.record, origin=origin)
    promote(dataclasses.replace(one, record=record), served, "why not")


def test_models_and_why_tell_of_it_as_typed(tmp_path, served, pushed, capsys):
    one, two = pushed(served, 29), pushed(served, 30)
    because = ["--because", "quieter at night"]
    assert main(["promote", served, str(one.version), *because]) == 0
    told = capsys.readouterr().out
    now = served_models.serving(served).version
    assert "equals the served model's 1.0000 within noise" in told
    last = f"version {now} serves under {served}, a copy of {one.path}\n"
    assert told.endswith(last)

    main(["models", served])
    rows = {row.split()[0]: row for row in capsys.readouterr().out.splitlines()}
    assert rows[str(two.version)].endswith("replaced")
    assert rows[str(now)].endswith(f"serves, copy of {one.version}")
    main(["why", served])
    told = capsys.readouterr().out
    assert f"promoted       from {one.path}: quieter at night" in told
    assert f"decided        promote of {now} by " in told
    main(["why", served, str(two.version)])
    assert f"decided        promote of {now} by " in capsys.readouterr().out

    there = str(tmp_path / "production")
    (tmp_path / "production").mkdir()
    assert main(["promote", served, "--to", there, *because]) == 0
    capsys.readouterr()
    main(["models", there])
    assert f"serves, from {served}/{now}" in capsys.readouterr().out
    main(["models", there, "--json"])
    (model,) = json.loads(capsys.readouterr().out)
    assert model["record"]["promotion"]["because"] == "quieter at night"

    assert main(["promote", served, *because]) == 2
    assert "say which VERSION is to serve" in capsys.readouterr().err
    assert main(["promote", there, "--to", served, *because]) == 2
    assert "is the model that serves" in capsys.readouterr().err

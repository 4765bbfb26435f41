import json

import pytest

from components.baseline import served_models
from components.baseline.push import push as push_model
from components.baseline.push_record import PushRecord
from schemas.user_error import UserError


@pytest.fixture
def destination(tmp_path):
    return tmp_path / "served"


def write_model(folder, weights):
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(weights)
    return folder


@pytest.fixture
def push(tmp_path, destination):
    """Pushes a model of the given weights, judged against what serves."""

    def push(weights):
        folder = tmp_path / f"model-{weights.decode()}"
        if not folder.exists():
            write_model(folder, weights)
        serving = served_models.serving(str(destination))
        record = PushRecord(
            fingerprint="f",
            judged_against=serving.identity if serving else "",
            model_digest=served_models.model_digest(str(folder)),
            metrics={"test": {"AP": 0.5, "AP50": 0.8}},
        )
        return push_model(str(folder), str(destination), record)

    return push


def test_an_absent_destination_serves_nothing(destination):
    assert served_models.served_models(str(destination)) == []
    assert served_models.baseline_identity(str(destination), "") == ""


@pytest.mark.parametrize("name", ["a[b]", "a*", "a?", "[0-9]", "a\\b"])
def test_a_destination_is_a_name_and_no_pattern(tmp_path, name):
    destination = tmp_path / name
    write_model(destination / "7", b"w")

    (model,) = served_models.served_models(str(destination))

    assert model.version == 7
    assert served_models.baseline_identity(str(destination), "") == model.identity


def test_a_version_that_is_a_link_serves_like_any_other(tmp_path, destination):
    write_model(destination / "7", b"old")
    write_model(tmp_path / "elsewhere", b"new")
    (destination / "8").symlink_to(tmp_path / "elsewhere")

    assert served_models.serving(str(destination)).version == 8
    identity = served_models.baseline_identity(str(destination), "")
    assert served_models.find(str(destination), identity).version == 8


def test_half_copied_and_foreign_folders_are_no_versions(destination):
    (destination / "7").mkdir(parents=True)
    for name in (".incoming-1", "notes", "²"):
        write_model(destination / name, b"")

    assert served_models.served_models(str(destination)) == []


def test_a_run_is_judged_against_the_newest_version(destination, push):
    push(b"one")
    newest = push(b"two")

    assert served_models.baseline_identity(str(destination), "") == newest.identity


def test_a_run_is_not_judged_against_its_own_product(destination, push):
    first = push(b"one")
    own = push(b"two").record.model_digest

    assert served_models.baseline_identity(str(destination), own) == first.identity


def test_a_model_of_the_same_fingerprint_but_other_bytes_is_another_model(
    destination, push
):
    push(b"one")
    newest = push(b"two")

    # Another root made a model of the same data, code and config: "f" again.
    assert served_models.baseline_identity(str(destination), "d") == newest.identity


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index"])
def test_a_replaced_file_gives_a_version_another_identity(destination, push, name):
    served = push(b"one")
    before = served.identity
    (destination / str(served.version) / name).write_bytes(b"other")

    assert served.identity != before


def test_a_pruned_version_is_replaced_by_the_newest_one(destination, push):
    served = push(b"one")

    assert served_models.find(str(destination), "1:0000") == served
    assert served_models.find(str(destination), served.identity) == served


def test_the_digest_sees_names_and_contents_but_not_the_record(tmp_path):
    model = write_model(tmp_path / "model", b"weights")
    before = served_models.model_digest(str(model))
    (model / "assets.extra").mkdir()
    (model / "assets.extra" / "push.json").write_text("{}")
    assert served_models.model_digest(str(model)) == before

    (model / "variables" / "variables.index").write_bytes(b"Weights")
    edited = served_models.model_digest(str(model))
    (model / "variables" / "variables.index").rename(model / "variables" / "v.index")

    assert len({before, edited, served_models.model_digest(str(model))}) == 3


def damage(destination, served, text):
    path = destination / str(served.version) / "assets.extra" / "push.json"
    path.write_text(text)
    return path


def test_a_record_of_a_newer_program_is_read(destination, push):
    served = push(b"one")
    text = served.record.to_json().replace("{", '{"mood": "sunny",', 1)
    damage(destination, served, text)

    assert served_models.serving(str(destination)).record == served.record


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"fingerprint":', '"text"'])
def test_a_damaged_record_is_named_in_a_line(destination, push, text):
    path = damage(destination, push(b"one"), text)

    with pytest.raises(UserError, match=r"push\.json is damaged") as error:
        served_models.served_models(str(destination))

    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("field", "value", "where"),
    [
        ("verdict", {"reasons": 7}, "reasons"),
        ("verdict", {"outcomes": [{"rule": "mAP"}]}, "outcomes[0]"),
        ("serving", {"ms_per_image": "fast"}, "ms_per_image"),
        ("serving", {"budgets": [1]}, "budgets[0]"),
        ("score_thresholds", {"by_class": [0.5]}, "by_class"),
        ("score_thresholds", {"by_class": {"dog": "low"}}, "by_class[...]"),
        ("score_thresholds", {"overall": "low"}, "overall"),
        ("origin", {"window": 7}, "window"),
        ("origin", {"trainer": [1]}, "trainer"),
        ("origin", {"gate": {"slices": {"a": 1}}}, "gate.slices"),
        ("promotion", {"verdict": "good"}, "verdict"),
        ("metrics", {"test": {"AP": "high"}}, "[...][...]"),
    ],
)
def test_a_value_of_a_wrong_kind_inside_a_record_is_named_in_a_line(
    destination, push, field, value, where
):
    served = push(b"one")
    values = json.loads(served.record.to_json()) | {field: value}
    damage(destination, served, json.dumps(values))

    with pytest.raises(UserError, match=r"push\.json is damaged") as error:
        served_models.served_models(str(destination))

    assert f"`$.{field}.{where}" in str(error.value).replace(f"{field}[", f"{field}.[")
    assert "\n" not in str(error.value)


def test_an_export_is_as_large_as_what_a_server_reads(tmp_path):
    folder = write_model(tmp_path / "model", b"weights")
    before = served_models.export_bytes(str(folder))
    (folder / "assets.extra").mkdir()
    for name in ("push.json", "judged.npz", "learned_from.txt"):
        (folder / "assets.extra" / name).write_text("a line an image\n" * 1000)
    assert served_models.export_bytes(str(folder)) == before == 12

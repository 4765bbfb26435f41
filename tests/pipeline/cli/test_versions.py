"""models, why, rollback, reject and gc, as typed."""

import json
import subprocess
import sys

import pytest
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd
from PIL import Image

from components.baseline.push import push
from components.baseline.push_record import PushRecord
from components.baseline.served_models import baseline_identity, model_digest
from pipeline.__main__ import main


@pytest.fixture
def root(tmp_path):
    """A run's root with two versions, of mAP .5 and .6."""
    served = str(tmp_path / "served")
    for name, ap in (("one", 0.5), ("two", 0.6)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "saved_model.pb").write_text(name)
        record = PushRecord(
            fingerprint="f",
            judged_against=baseline_identity(served, ""),
            model_digest=model_digest(str(folder)),
            metrics={"test": {"AP": ap, "AP50": 0.9}},
            verdict={
                "blessed": True,
                "split": "test",
                "reasons": [f"mAP {ap} reaches the threshold 0.4"],
            },
            origin={"data": "/data/span-{SPAN}", "span": "7", "data_digest": "abc"},
        )
        push(str(folder), served, record)
    return tmp_path


def numbers(root):
    return sorted(
        int(path.name) for path in (root / "served").iterdir() if path.name.isdigit()
    )


def test_models_lists_every_version_and_which_serves(root, capsys):
    assert main(["models", str(root)]) == 0

    header, one, two = capsys.readouterr().out.splitlines()
    assert header.split()[0] == "version"
    assert one.split()[0] == str(numbers(root)[0])
    assert "/data/span-{SPAN}, span 7" in one
    assert "test   0.5000  0.9000  blessed" in one
    assert two.endswith("serves")
    assert not one.endswith("serves")


def test_models_as_json(root, capsys):
    assert main(["models", str(root), "--json"]) == 0

    models = json.loads(capsys.readouterr().out)
    assert [model["serves"] for model in models] == [False, True]
    assert models[1]["record"]["metrics"]["test"]["AP"] == 0.6


def test_an_empty_destination_serves_nothing(tmp_path, capsys):
    assert main(["models", str(tmp_path)]) == 0
    assert "nothing serves" in capsys.readouterr().out
    assert main(["why", str(tmp_path)]) == 2


def test_a_record_of_a_wrong_kind_is_one_line(root, capsys):
    path = root / "served" / str(numbers(root)[1]) / "assets.extra" / "push.json"
    values = json.loads(path.read_text()) | {"origin": {"trainer": [1, 2]}}
    path.write_text(json.dumps(values))

    earlier = str(numbers(root)[0])
    for command, *more in (["why"], ["models"], ["diff", earlier]):
        assert main([command, str(root), *more]) == 2
        said = capsys.readouterr().err
        assert "push.json is damaged (Expected `object`, got `array` - at " in said
        assert said.count("\n") == 1


def test_why_tells_data_rules_and_decisions(root, capsys):
    one, two = numbers(root)
    assert main(["rollback", str(root), "--because", "it misses dogs"]) == 0
    assert "a copy of" in capsys.readouterr().out

    assert main(["why", str(root), str(two)]) == 0

    told = capsys.readouterr().out
    assert "data digest    abc" in told
    assert f"judged against version {one}" in told
    assert "mAP 0.6 reaches the threshold 0.4" in told
    assert f"rollback of {two} by " in told
    assert "it misses dogs" in told
    assert main(["why", str(root)]) == 0
    assert f"copy of        {one}" in capsys.readouterr().out


def test_a_rolled_back_version_is_marked_as_such(root, capsys):
    main(["rollback", str(root), "--because", "it misses dogs"])
    capsys.readouterr()

    main(["models", str(root)])

    _, _, two, copy = capsys.readouterr().out.splitlines()
    assert two.endswith("rolled back")
    assert copy.endswith(f"serves, copy of {numbers(root)[0]}")


def test_a_rejected_version_is_marked_as_such(root, capsys):
    one, two = numbers(root)
    assert main(["reject", str(root), str(one), "--because", "wrong labels"]) == 0
    assert main(["reject", str(root), str(two), "--because", "no"]) == 2
    capsys.readouterr()

    main(["models", str(root)])

    assert capsys.readouterr().out.splitlines()[1].endswith("rejected")


def test_gc_deletes_what_nothing_needs(root, capsys):
    main(["rollback", str(root), "--because", "it misses dogs"])
    one, two, copy = numbers(root)

    # The copy serves, and was judged as what it copies was: against nothing.
    assert main(["gc", str(root), "--keep", "1"]) == 0

    assert f"deleted {one}, {two}" in capsys.readouterr().out
    assert numbers(root) == [copy]


@pytest.mark.parametrize("named", ["out", "out/model"])
def test_what_train_made_is_not_promoted_and_the_way_is_told(tmp_path, named, capsys):
    model = tmp_path / "out" / "model"
    for folder in (model, tmp_path / "production"):
        folder.mkdir(parents=True)
    (model / "saved_model.pb").write_text("unjudged")
    places = [str(tmp_path / named), "--to", str(tmp_path / "production")]

    assert main(["promote", *places, "--because", "it is new"]) == 2

    said = capsys.readouterr().err
    assert f"no gate has judged {model}: a run from it does" in said
    assert f"`run --set trainer.model.initial_model={model}`" in said
    assert list((tmp_path / "production").iterdir()) == []


@pytest.mark.parametrize("command", ["rollback", "reject", "promote", "bless"])
def test_a_decision_needs_a_reason(root, capsys, command):
    version = ["1"] if command == "reject" else []

    assert main([command, str(root), *version, "--because", "  "]) == 2

    assert "--because is empty" in capsys.readouterr().err


def test_a_place_that_is_none_is_one_line(tmp_path, capsys):
    assert main(["models", str(tmp_path / "nowhere")]) == 2
    assert "is no folder; name a run's --root" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["models"], ["gc", "--keep", "1"]])
def test_a_folder_of_other_things_is_no_push_destination(tmp_path, capsys, command):
    (tmp_path / "holiday.jpg").write_text("")
    assert main([command[0], str(tmp_path), *command[1:]]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert f"{tmp_path} is no push destination" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


@pytest.mark.parametrize(
    "command",
    [
        ["bless", "{}", "--push-destination", "{}", "--because", "why"],
        ["predict", "{}", "{}/a.png", "--output", "{}/out"],
    ],
)
def test_a_folder_without_a_model_is_told_before_tensorflow_says_anything(
    tmp_path, command
):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    code = (
        "import sys; from pipeline.__main__ import main; status = main(sys.argv[1:]); "
        "assert 'tensorflow' not in sys.modules; sys.exit(status)"
    )
    words = [word.format(tmp_path) for word in command]
    command = [sys.executable, "-c", code, *words]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 2, ran.stderr
    assert ran.stderr.count("\n") == 1
    assert "saved_model.pb" in ran.stderr


def test_a_model_s_folder_is_blessed_only_with_a_destination(tmp_path, root, capsys):
    assert main(["bless", str(tmp_path / "one"), "--because", "x"]) == 2
    assert "say where to with --push-destination" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["bless", str(tmp_path / "empty"), "--because", "x"]) == 2
    assert "is neither the --root of a run nor" in capsys.readouterr().err


def leave_run(root, stages, **parameters):
    """A run's metadata as TFX writes them: stage -> output names, [] if it failed.

    The outputs lie in root / name; `parameters` are those of each stage.
    """
    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = str(root / "metadata.sqlite")
    config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    store = metadata_store.MetadataStore(config)
    kinds = {
        name: store.put_context_type(mlmd.ContextType(name=name))
        for name in ("pipeline_run", "node")
    }
    if stages is None:
        return
    (run,) = store.put_contexts(
        [mlmd.Context(type_id=kinds["pipeline_run"], name="run")]
    )
    stage_type = store.put_execution_type(mlmd.ExecutionType(name="stage"))
    output_type = store.put_artifact_type(mlmd.ArtifactType(name="output"))
    for stage, outputs in stages.items():
        execution = mlmd.Execution(
            type_id=stage_type,
            last_known_state=mlmd.Execution.COMPLETE
            if outputs
            else mlmd.Execution.FAILED,
        )
        for name, value in parameters.items():
            execution.custom_properties[name].string_value = value
        written = []
        for name in outputs:
            event = mlmd.Event(type=mlmd.Event.OUTPUT)
            event.path.steps.add().key = name
            uri = str(root / name)
            written.append((mlmd.Artifact(type_id=output_type, uri=uri), event))
        node = mlmd.Context(type_id=kinds["node"], name=f"voc.{stage}")
        execution_id, _, _ = store.put_execution(execution, written, [node])
        store.put_attributions_and_associations(
            [], [mlmd.Association(execution_id=execution_id, context_id=run)]
        )


TRAINED = {"Trainer": ["model"]}
JUDGED = TRAINED | {"DetectionEvaluator": ["evaluation_result", "blessing"]}


def test_why_tells_what_a_blessed_model_was_made_from(tmp_path, capsys):
    metrics = {"test": {"candidate": {"AP": 0, "AP50": 0}}}
    for name, content in {
        "model/Format-Serving/saved_model.pb": "graph",
        "evaluation_result/metrics.json": json.dumps(metrics),
        "evaluation_result/score_thresholds.json": "{}",
        "evaluation_result/judged.npz": "",
        "blessing/verdict.json": '{"blessed": false, "reasons": ["too few"]}',
        "serving_blessing/findings.json": '{"problems": []}',
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    origin = {"data_digest": "abc", "gate": {"min_map": 0.4}}
    checked = JUDGED | {"ServingCheck": ["serving_blessing"], "ModelPusher": ["pushed"]}
    of = {"data": "/data", "span": "7", "origin": json.dumps(origin)}
    leave_run(tmp_path, checked, **of)

    assert main(["bless", str(tmp_path), "--because", "a new camera"]) == 0
    assert main(["why", str(tmp_path)]) == 0

    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["data", "/data,", "span", "7"] in told
    assert ["data", "digest", "abc"] in told
    assert ["gate", "config", "gate.min_map=0.4"] in told
    assert main(["why", str(tmp_path), "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert whole["serves"]
    assert whole["record"]["origin"]["gate"] == {"min_map": 0.4}
    assert whole["decisions"][-1]["because"] == "a new camera"


def test_why_tells_of_a_config_what_is_not_its_default():
    from components.evaluator.config import GateConfig, SliceFloor
    from pipeline.cli.changed_fields import changed_fields
    from schemas.config_json import to_mapping

    gate = to_mapping(GateConfig(min_ap50=0.5, min_class_objects=3))
    assert changed_fields("gate", gate) == [
        "gate.min_ap50=0.5",
        "gate.min_class_objects=3",
    ]
    dark = SliceFloor(name="n\u00e4chtlich", brightness=(0, 0.2), max_drop=0.1)
    (told,) = changed_fields(
        "gate", {"slices": to_mapping(GateConfig(min_map=0, slices=(dark,)))["slices"]}
    )
    assert told == (
        'gate.slices=[{"name": "n\u00e4chtlich", "brightness": [0, 0.2], '
        '"max_drop": 0.1}]'
    )
    newer = {"model": {"head": {"num_convs": 1, "attention": True}}}
    assert changed_fields("trainer", newer) == [
        "trainer.model.head.attention=true",
        "trainer.model.head.num_convs=1",
    ]
    assert changed_fields("ingest", {"corners": "auto"}) == []


def test_columns_line_up_whatever_the_letters():
    from pipeline.cli.table import columns_of, table
    from schemas.counted import counted

    # As a terminal shows them: two columns for each of the first, one for the second.
    assert [columns_of("\u65e5\u672c"), columns_of("e\u0301t"), columns_of("ab")] == [
        4,
        2,
        2,
    ]
    assert table([["\u65e5\u672c", "1"], ["ab", "2"]]) == "\u65e5\u672c  1\nab    2\n"
    assert [counted(0, "image"), counted(1, "image")] == ["0 images", "1 image"]


@pytest.mark.parametrize(
    ("blessed", "told"),
    [
        ({"DetectionEvaluator": 0, "ServingCheck": 1}, "refused by the gate"),
        ({"DetectionEvaluator": 1, "ServingCheck": 0}, "refused by the serving check"),
        ({"DetectionEvaluator": 1, "ServingCheck": 1}, "not pushed"),
    ],
)
def test_runs_tells_who_refused(tmp_path, capsys, blessed, told):
    checked = JUDGED | {"ServingCheck": ["serving_blessing"], "ModelPusher": ["pushed"]}
    leave_run(tmp_path, checked)
    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = str(tmp_path / "metadata.sqlite")
    config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE
    store = metadata_store.MetadataStore(config)
    keys = {"DetectionEvaluator": "blessing", "ServingCheck": "serving_blessing"}
    for artifact in store.get_artifacts():
        for stage, key in keys.items():
            if artifact.uri.endswith(f"/{key}"):
                artifact.custom_properties["blessed"].int_value = blessed[stage]
                store.put_artifacts([artifact])

    assert main(["runs", str(tmp_path)]) == 0

    assert capsys.readouterr().out.splitlines()[1].endswith(told)


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        (None, "did not get to Trainer"),
        ({}, "did not get to Trainer"),
        ({"Trainer": []}, "Trainer of the newest run of"),
        (TRAINED, "did not get to DetectionEvaluator"),
        (TRAINED | {"DetectionEvaluator": []}, "DetectionEvaluator of the newest run"),
        (JUDGED, "did not get to ServingCheck"),
        (JUDGED | {"ServingCheck": []}, "ServingCheck of the newest run of"),
    ],
)
def test_a_run_that_failed_or_was_interrupted_is_not_blessed(
    tmp_path, capsys, stages, message
):
    leave_run(tmp_path, stages)

    assert main(["bless", str(tmp_path), "--because", "x"]) == 2

    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        *(["models"], ["why"], ["verify"], ["diff", "1"], ["gc", "--keep", "1"]),
        ["rollback", "1", "--because", "worse"],
        ["reject", "1", "--because", "worse"],
        ["promote", "1", "--because", "better"],
    ],
    ids=lambda words: words[0],
)
def test_a_folder_that_is_not_there_is_told_before_seconds_of_imports(
    words, tmp_path, monkeypatch, capsys
):
    for name in ("history", "served_models", "versions"):  # an import of it fails
        monkeypatch.setitem(sys.modules, f"components.baseline.{name}", None)
    name, *rest = words

    assert main([name, str(tmp_path / "none"), *rest]) == 2
    assert "none is no folder; name a run's --root" in capsys.readouterr().err


def test_what_a_record_of_an_early_release_lacks_is_a_dash(tmp_path, capsys):
    extra = tmp_path / "served" / "1" / "assets.extra"
    extra.mkdir(parents=True)
    (extra.parent / "saved_model.pb").write_text("one")
    record = {"fingerprint": "f", "judged_against": "", "model_digest": ""}
    (extra / "push.json").write_text(json.dumps(record))

    assert main(["why", str(tmp_path)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert "pushed         - by -" in lines
    assert "model digest   -" in lines
    # What is no record is named, and not the line of the program that met it.
    (extra / "push.json").write_text(json.dumps(record | {"verdict": None}))
    for command in ("why", "models"):
        assert main([command, str(tmp_path)]) == 2
        assert "push.json is damaged" in capsys.readouterr().err

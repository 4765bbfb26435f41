"""What may import what: schemas <- trainer <- components <- pipeline, and light."""

import ast
import graphlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Each may import itself and what stands to its left.
LAYERS = ("schemas", "trainer", "components", "pipeline")
SOURCES = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))
# The same inside: each room or module may import those to its left.
ROOMS = {
    "schemas": (
        *("user_error", "full_disk", "did_you_mean", "counted", "config_rules"),
        *("config_json", "own_process", "plain_path", "exif_orientation"),
        *("single_box", "boxes"),
        *("tensor_boxes", "detection_example", "mended_labels", "label_map"),
        *("example_wire", "tf_example", "parsing", "stored_weights"),
    ),
    "trainer": (
        *("image", "augment", "input", "metrics", "model", "optimizer"),
        *("config", "search_space", "evaluation", "training", "features", "serving"),
        *("levels", "doctor", "preflight", "train", "run_fn", "tune"),
    ),
    "trainer.input": (
        *(
            "config",
            "host",
            "records",
            "frames",
            "order",
            "augmenter",
            "layer",
            "mixing",
        ),
        *("transform_graph", "batches", "undecodable"),
    ),
    "trainer.model": (
        *("config", "parts", "backbones", "targets", "detection", "losses"),
        *("retinanet", "build"),
    ),
    "trainer.training": (
        *(
            "meeting",
            "hosts",
            "jax_state",
            "averaging",
            "checkpoint_copy",
            "checkpoint",
        ),
        *("strategy", "tracking", "learning_curves", "callbacks", "fit"),
    ),
    "trainer.features": ("row_store", "row_batches", "frozen"),
    "components": (
        *("schema_import", "example_gen", "span_window", "data_gate", "transform"),
        *("baseline", "evaluator", "serving_check", "report", "pusher"),
    ),
    "components.example_gen": (
        *("config", "source", "rules", "examination", "plan", "shards", "output"),
        *("transforms", "local_run", "ingest", "component"),
    ),
    "pipeline": (
        *("on_kubeflow", "beam", "config", "config_file", "overrides", "presets"),
        *("run", "data_stages", "pipeline", "runners", "local_run", "retraining"),
        *("show_data", "sample_data", "prediction", "evaluation", "label_prices"),
        *("export", "training", "cli", "__main__"),
    ),
}
HEAVY = {"apache_beam", "jax", "keras", "keras_hub", "kfp", "tensorflow", "tfx"}
HEAVY |= {"tensorflow_data_validation", "tensorflow_model_analysis", "tfx_bsl"}
HEAVY |= {"matplotlib", "ml_metadata", "pandas", "tensorflow_transform"}


def imported_modules(tree):
    """Full names of all that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            yield node.module


def relative(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_imports_point_left_only(path):
    layer = LAYERS.index(path.relative_to(ROOT).parts[0])
    tree = ast.parse(path.read_text("utf-8"))
    tops = {name.partition(".")[0] for name in imported_modules(tree)}
    assert not tops & set(LAYERS[layer + 1 :])
    # voc_pipeline is the face of all four, for scripts; none of them looks at it
    assert not tops & {"tests", "benchmarks", "kubeflow", "voc_pipeline"}


def imported_names(tree):
    """As `imported_modules`, with what is imported from each: perhaps a module."""
    yield from imported_modules(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(name, house):
    """The room or module of a house in which a dotted name lies; "" if in none."""
    inside = name.removeprefix(f"{house}.")
    return inside.partition(".")[0] if inside != name else ""


@pytest.mark.parametrize("house", ROOMS)
def test_rooms_import_what_stands_to_their_left(house):
    rooms = ROOMS[house]
    upward = []
    for path in (ROOT / house.replace(".", "/")).rglob("*.py"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        room = room_of(name, house)
        if room == "__init__":
            continue
        for imported in imported_names(ast.parse(path.read_text("utf-8"))):
            other = room_of(imported, house)
            if other in rooms and rooms.index(other) > rooms.index(room):
                upward.append(f"{name} -> {imported}")
    assert not upward


@pytest.mark.parametrize("house", ROOMS)
def test_every_room_has_its_place(house):
    children = (ROOT / house.replace(".", "/")).iterdir()
    modules = {
        path.stem
        for path in children
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert modules - {"__init__"} == set(ROOMS[house])


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_no_process_takes_modules_from_the_current_folder(path):
    # `python -m` does; `-P` keeps it from that.
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.List):
            words = [getattr(word, "value", "") for word in node.elts]
            assert "-m" not in words or words[words.index("-m") - 1] == "-P"


PACKAGES = [path for path in SOURCES if path.name == "__init__.py"]


def imported_from_outside(package):
    """Rooms and modules beside a package, or beside one that holds it, that it uses."""
    inside = package.relative_to(ROOT).parts
    for path in package.rglob("*.py"):
        for name in imported_names(ast.parse(path.read_text("utf-8"))):
            parts = tuple(name.split("."))
            level = len(os.path.commonprefix([parts, inside]))
            place = ROOT.joinpath(*parts[: level + 1])
            is_ours = place.is_dir() or place.with_suffix(".py").exists()
            if level < min(len(parts), len(inside)) and is_ours:
                yield parts[level]


@pytest.mark.parametrize("path", PACKAGES, ids=relative)
def test_a_room_says_what_it_knows_and_may_import(path):
    text = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    knows, _, may_import = text.partition("\n\nImports ")
    said = set(re.findall(r"\w+", may_import))
    assert knows
    assert set(imported_from_outside(path.parent)) <= said


@pytest.mark.parametrize("path", PACKAGES, ids=relative)
def test_what_stands_in_one_room_imports_in_no_circle(path):
    house = ".".join(path.parent.relative_to(ROOT).parts)
    uses = {}
    for module in path.parent.rglob("*.py"):
        name = ".".join(module.relative_to(ROOT).with_suffix("").parts)
        inside = uses.setdefault(room_of(name, house), set())
        names = imported_names(ast.parse(module.read_text("utf-8")))
        inside |= {room_of(n, house) for n in names if n.startswith(f"{house}.")}
    children = uses.keys() - {"__init__"}
    graph = {child: uses[child] & children - {child} for child in children}
    tuple(graphlib.TopologicalSorter(graph).static_order())


def test_the_tree_has_sources_in_every_layer():
    # Else the test above could pass on nothing.
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} == set(LAYERS)


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("components/*/component.py")), ids=relative
)
def test_component_modules_keep_their_annotations(path):
    # TFX reads a component function's annotations as objects, not as strings.
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            assert "annotations" not in {alias.name for alias in node.names}


def import_alone(code):
    """Runs code in a fresh interpreter; returns the heavy modules that it loaded."""
    tell = "sys.stderr.write(' '.join(sorted(sys.modules)))"
    program = f"import sys\n{code}\n{tell}\nsys.exit(0)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in done.stderr.split()} & HEAVY


def test_help_imports_nothing_heavy():
    assert import_alone("from pipeline.__main__ import main; main(['--help'])") == set()


def commands():
    from pipeline.__main__ import COMMANDS

    return sorted(COMMANDS)


@pytest.mark.parametrize("command", commands())
def test_help_of_a_command_imports_nothing_heavy(command):
    code = (
        "from pipeline.__main__ import main\n"
        f"try: main([{command!r}, '--help'])\n"
        "except SystemExit: pass"
    )
    assert import_alone(code) == set()


@pytest.mark.parametrize("layer", [*LAYERS, "voc_pipeline"])
def test_importing_a_package_alone_imports_nothing_heavy(layer):
    assert import_alone(f"import {layer}") == set()


# Pure cores: what the house rules want testable without TensorFlow, Beam or TFX.
LIGHT = (
    "components.example_gen.source.annotation",
    "components.example_gen.rules",
    "components.evaluator.gate",
    "pipeline.sample_data.sample",
    "schemas.boxes",
    "schemas.detection_example",
    "schemas.exif_orientation",
    "schemas.label_map",
    "schemas.single_box",
    "schemas.tf_example",
    "trainer.config",
    "trainer.metrics",
    "trainer.model.backbones.imagenet_package",
)


@pytest.mark.parametrize("module", LIGHT)
def test_a_pure_core_imports_nothing_heavy(module):
    assert import_alone(f"import {module}") == set()

"""Ingest workers import neither Beam nor TensorFlow."""

import subprocess
import sys

HEAVY = (
    "apache_beam",
    "tensorflow",
    "tfx",
    "tensorflow_model_analysis",
    "tensorflow_data_validation",
    "keras",
)


def imported_by(module):
    code = (
        f"import sys, {module}; "
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()


def test_a_worker_process_needs_pillow_and_numpy_only():
    shards = "components.example_gen.shards"
    assert imported_by(f"{shards}.worker_process, {shards}.shard") == []


def test_the_digest_of_a_data_set_needs_no_more():
    assert imported_by("components.example_gen.source.digest") == []


def test_a_beam_worker_needs_beam_alone():
    assert imported_by("components.example_gen.transforms") == ["apache_beam"]


def test_a_run_on_one_machine_needs_no_beam():
    ingest = "components.example_gen.ingest, components.example_gen.local_run"
    assert imported_by(ingest) == []

"""A small seed of tests/fuzz/fuzz_ingest.py."""

import importlib.util
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


@pytest.fixture
def fuzz(monkeypatch):
    """The script's `fuzz`; scripts and tests are no packages."""
    here = Path(__file__).parent
    for name in ("mutations", "fuzz_ingest"):
        spec = importlib.util.spec_from_file_location(name, here / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
    return sys.modules["fuzz_ingest"].fuzz


def test_mutated_annotations_and_images_never_raise_and_lose_nothing(fuzz):
    fuzzer = fuzz(annotations=1500, images=400, seed=7)
    # most mutations leave something to write, and many reasons come up
    assert fuzzer.tally.totals["images_written"] > 500
    assert len(fuzzer.tally.reasons) > 30

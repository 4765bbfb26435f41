"""The documentation names files that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
PAGES += [ROOT / folder / "README.md" for folder in ("benchmarks", "kubeflow")]
FOLDERS = (
    "",
    "trainer",
    "components",
    "components/example_gen",
    "pipeline",
    "kubeflow",
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_that_a_page_names_is_there(page):
    named = set(re.findall(r"`([\w/]+/\w+\.py)`", page.read_text("utf-8")))
    missing = {
        name
        for name in named
        if not any((ROOT / folder / name).is_file() for folder in FOLDERS)
    }
    assert not missing

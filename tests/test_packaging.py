"""What is shipped, and that the files which say so agree with one another."""

import ast
import itertools
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from setuptools import find_packages

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ROOT / "requirements"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
DEPENDENCIES = [
    *PYPROJECT["project"]["dependencies"],
    *itertools.chain(*PYPROJECT["project"]["optional-dependencies"].values()),
]
LOCKS = ("lock-glibc-2.39.txt", "lock-glibc-older.txt")


def locked(name):
    """Package -> version of a lock file."""
    text = (REQUIREMENTS / name).read_text("utf-8")
    return dict(re.findall(r"(?m)^([a-z0-9][\w.-]*)(?:\[.*\])?==(\S+)", text))


def test_the_wheel_has_our_packages_and_neither_tests_nor_kubeflow():
    found = PYPROJECT["tool"]["setuptools"]["packages"]["find"]
    packages = find_packages(str(ROOT), **found)
    tops = {package.partition(".")[0] for package in packages}
    assert tops == {"schemas", "trainer", "components", "pipeline"}
    assert PYPROJECT["tool"]["setuptools"]["py-modules"] == ["voc_pipeline"]
    for package in ("pipeline.cli", "pipeline.sample_data", "components.example_gen"):
        assert package in packages


def test_every_folder_with_modules_is_a_package():
    # A folder without __init__.py works from the checkout and is missing in the wheel.
    for top in ("schemas", "trainer", "components", "pipeline"):
        for module in (ROOT / top).rglob("*.py"):
            assert (module.parent / "__init__.py").is_file(), module


def test_every_data_file_of_a_package_is_shipped():
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]["*"]
    for top in ("schemas", "trainer", "components", "pipeline"):
        for path in (ROOT / top).rglob("*"):
            if path.is_file() and path.suffix not in {".py", ".pyc"}:
                assert any(path.match(pattern) for pattern in patterns), path


def test_kubeflow_is_no_package():
    # The SDK of that name owns the import.
    assert not list((ROOT / "kubeflow").rglob("*.py"))


def test_every_dependency_has_an_upper_bound():
    for requirement in DEPENDENCIES:
        assert re.search(r"<|==", requirement), requirement


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_every_dependency_with_hashes(name):
    versions = locked(name)
    for requirement in DEPENDENCIES:
        assert re.split(r"[<>=\[]", requirement)[0] in versions
    text = (REQUIREMENTS / name).read_text("utf-8")
    # "name==version \" and at least one hash after it, for every package.
    hashed = re.findall(r"(?m)^\S+==\S+ \\\n    --hash=sha256:", text)
    assert len(hashed) == len(versions)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_its_command_and_neither_host_nor_path(name):
    text = (REQUIREMENTS / name).read_text("utf-8")
    assert "make lock" in text.splitlines()[1]
    assert "://" not in text
    assert not re.search(r"(^|\s)/\w", text)


def test_the_locks_differ_in_what_older_glibc_lacks_and_in_nothing_else():
    new, old = (locked(name) for name in LOCKS)
    assert new.keys() == old.keys()
    differing = {name for name, version in new.items() if old[name] != version}
    assert differing == {"ml-metadata", "tensorflow-data-validation"}


@pytest.mark.parametrize(
    "path", sorted(REQUIREMENTS.glob("*.py")), ids=lambda path: path.name
)
def test_the_installer_runs_on_python_3_8_and_the_standard_library(path):
    tree = ast.parse(path.read_text("utf-8"), feature_version=(3, 8))
    own = {module.stem for module in REQUIREMENTS.glob("*.py")}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {node.module.partition(".")[0]}
        else:
            continue
        assert names <= own | sys.stdlib_module_names


def test_make_lists_every_target_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    listed = re.search(r"\.PHONY: ((?:.*\\\n)*.*)", makefile)[1]
    targets = set(listed.replace("\\\n", " ").split())
    done = subprocess.run(
        ["make", "--no-print-directory"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(re.findall(r"(?m)^  make ([\w-]+) ", done.stdout)) == targets
    assert targets >= {"install", "demo", "test", "lint", "fmt", "bench", "lock"}


def test_the_license_is_apache_2_0_in_full():
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert PYPROJECT["project"]["license"] == "Apache-2.0"

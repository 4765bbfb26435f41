import dataclasses
import os
import pathlib
import sys

import pytest

# The stand-in for Kubeflow is several modules; tests are no packages.
sys.path.insert(0, str(pathlib.Path(__file__).parent / "kubeflow"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def pytest_collection_modifyitems(items):
    """Everything here goes through TFX, whose libraries warn as they please."""
    for item in items:
        if "e2e" in item.path.parts:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(scope="session", autouse=True)
def no_arguments():
    """TFX reads the process's arguments as flags: pytest's `-v` is no flag of its."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", sys.argv[:1])
        yield


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory):
    """Thirty drawn images, with sets."""
    from pipeline.__main__ import main

    folder = tmp_path_factory.mktemp("data") / "sample"
    assert main(["sample-data", str(folder), "--images", "30", "--seed", "3"]) == 0
    return folder


@pytest.fixture(scope="session")
def tiny_config():
    """A preset of a few steps whose gate lets any number pass."""
    from pipeline import presets

    config = presets.smoke()
    return dataclasses.replace(config, name="voc-e2e")

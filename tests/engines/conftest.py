import os
import sys
from pathlib import Path

import pytest

# The cluster is a module of its own; tests are no packages.
sys.path.insert(0, str(Path(__file__).parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(scope="session", autouse=True)
def no_arguments():
    """TFX reads the process's arguments as flags: pytest's `-v` is no flag of its."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", sys.argv[:1])
        yield

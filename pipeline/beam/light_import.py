"""Beam's import without services that no step of ours asks: half its CPU seconds.

Beam takes what is installed of them along and does without what is not. Here they are
hidden from it while it is imported; whoever imports one later has it.
"""

import contextlib
import os
import sys
from collections.abc import Iterator

# Of Beam's optional imports the dear ones. Dataflow's is for who submits there.
_HIDDEN = (
    "google.cloud.bigquery",
    "google.cloud.dataflow",
    "google.cloud.pubsub",
    "pandas",  # for elements that are data frames
)


@contextlib.contextmanager
def hidden(*names: str) -> Iterator[None]:
    """Modules that nobody imports in this block; what is loaded stays."""
    those = {name: None for name in names if name not in sys.modules}
    sys.modules.update(those)  # type: ignore[arg-type]  # None: not to be imported
    try:
        yield
    finally:
        for name in those:
            del sys.modules[name]


def import_beam() -> None:
    """Imports Beam, if nobody did. Not where a job goes to Dataflow.

    With it comes gRPC, whose core writes a line of its own where a server goes away.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    if "apache_beam" not in sys.modules:
        with hidden(*_HIDDEN):
            import apache_beam  # noqa: F401

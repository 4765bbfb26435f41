"""Beam's import without services that no step of ours asks: half its CPU seconds.

Beam takes what is installed of them along and does without what is not. Here they are
hidden from it while it is imported; whoever imports one later has it.
"""

import sys

# Of Beam's optional imports the dear ones. Dataflow's is for who submits there.
_HIDDEN = (
    "google.cloud.bigquery",
    "google.cloud.dataflow",
    "google.cloud.pubsub",
    "pandas",  # for elements that are data frames
)


def import_beam() -> None:
    """Imports Beam, if nobody did. Not where a job goes to Dataflow."""
    if "apache_beam" in sys.modules:
        return
    hidden = {name: None for name in _HIDDEN if name not in sys.modules}
    sys.modules.update(hidden)  # type: ignore[arg-type]  # None: not to be imported
    try:
        import apache_beam  # noqa: F401
    finally:
        for name in hidden:
            del sys.modules[name]

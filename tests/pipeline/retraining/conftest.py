import json

import pytest

from pipeline import presets
from pipeline.config import RunPaths
from pipeline.retraining.retrain import Request, retrain


class Killed(BaseException):
    """Ends a call as SIGKILL does: nothing after it is written."""


class Schedule:
    """Spans in a folder, a root, and calls whose run is what the test says."""

    def __init__(self, folder, summary_of):
        self._summary_of = summary_of
        self.folder = folder
        self.data = str(folder / "data" / "span-{SPAN}")
        self.root = folder / "root"
        self.root.mkdir()
        self.runs = []  # (config, paths, digests) of each run
        self.told = []  # results
        self.said = []

    def add_span(self, number, content="<annotation/>"):
        home = self.folder / "data" / f"span-{number}" / "Annotations"
        home.mkdir(parents=True, exist_ok=True)
        (home / "a.xml").write_text(content)

    def request(self, **options):
        paths = RunPaths(
            data=self.data,
            root=str(self.root),
            push_destination=str(self.root / "served"),
        )
        return Request(config=presets.smoke(), paths=paths, **options)

    def call(self, end=None, **options):
        """One call; its run ends as `end` says: a summary, or what is raised."""

        def run_stages(config, paths, digests):
            self.runs.append((config, paths, digests))
            if isinstance(end, BaseException):
                raise end
            return end or self._summary_of()

        request = self.request(**options)
        return retrain(request, run_stages, self.told.append, self.said.append)

    def windows(self):
        return [paths.window for _, paths, _ in self.runs]

    def memory(self):
        return json.loads((self.root / "retraining.json").read_text())


@pytest.fixture
def schedule(tmp_path, summary_of):
    return Schedule(tmp_path, summary_of)


@pytest.fixture
def killed():
    return Killed()


@pytest.fixture
def model_refused(summary_of):
    def refused(reason="mAP 0.2 is worse than the served model's 0.5"):
        return summary_of(
            blessed=False, reasons=(reason,), pushed_path="", model_digest=""
        )

    return refused

import pytest

metadata_store_pb2 = pytest.importorskip("ml_metadata.proto").metadata_store_pb2

from ml_metadata.metadata_store import MetadataStore  # noqa: E402

from pipeline.run.written_examples import example_folders  # noqa: E402


class Root:
    """A root of runs, in a metadata store written as TFX writes it."""

    def __init__(self, path):
        self.path, types = path, metadata_store_pb2
        config = types.ConnectionConfig()
        config.sqlite.filename_uri = str(path / "metadata.sqlite")
        config.sqlite.connection_mode = 3  # READWRITE_OPENCREATE
        self.store = MetadataStore(config)
        for name in ("pipeline_run", "node"):
            self.store.put_context_type(types.ContextType(name=name))
        self.stage = self.store.put_execution_type(types.ExecutionType(name="stage"))
        self.kind = self.store.put_artifact_type(types.ArtifactType(name="Examples"))

    def context(self, kind, name):
        found = self.store.get_context_by_type_and_name(kind, name)
        type_id = self.store.get_context_type(kind).id
        return found or metadata_store_pb2.Context(type_id=type_id, name=name)

    def run(self, name, *stages):
        """(Stage, number of the folder that it wrote or reused), in their order."""
        types = metadata_store_pb2
        for stage, number in stages:
            folder = self.path / stage / "examples" / str(number)
            (folder / "Split-eval").mkdir(parents=True, exist_ok=True)
            event = types.Event(type=types.Event.OUTPUT)
            event.path.steps.add().key = "examples"
            self.store.put_execution(
                types.Execution(type_id=self.stage),
                [(types.Artifact(type_id=self.kind, uri=str(folder)), event)],
                [
                    self.context("pipeline_run", name),
                    self.context("node", f"voc.{stage}"),
                ],
            )

    def first(self):
        return "/".join(example_folders(self.path)[0].parts[-3::2])


@pytest.fixture
def root(tmp_path):
    return Root(tmp_path)


def test_examples_that_the_newest_run_reused_come_first(root):
    root.run("one", ("VocExampleGen", 3))
    root.run("other data", ("VocExampleGen", 14))
    assert root.first() == "VocExampleGen/14"
    root.run("the first data again", ("VocExampleGen", 3))
    assert root.first() == "VocExampleGen/3"


def test_the_newest_span_comes_before_the_one_that_drift_is_measured_against(root):
    root.run("one", ("VocExampleGen-10", 3), ("VocExampleGen-9", 4))
    assert root.first() == "VocExampleGen-10/3"


def test_a_window_comes_before_its_spans(root):
    root.run("one", ("SpanWindow", 3), ("VocExampleGen-10", 4))
    assert root.first() == "SpanWindow/3"


def test_without_a_store_it_is_what_was_written_last(tmp_path):
    for name in ("VocExampleGen/examples/3", "VocExampleGen/examples/14"):
        (tmp_path / name / "Split-eval").mkdir(parents=True)
    assert [path.name for path in example_folders(tmp_path)] == ["14", "3"]

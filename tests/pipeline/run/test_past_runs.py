"""Old runs of a root, in a metadata store written as TFX writes it."""

import json

import pytest

metadata_store_pb2 = pytest.importorskip("ml_metadata.proto").metadata_store_pb2

from ml_metadata.metadata_store import MetadataStore  # noqa: E402

from pipeline.run.past_runs import delete_old_runs, past_runs  # noqa: E402

RAN, REUSED, BEGUN = (
    metadata_store_pb2.Execution.COMPLETE,
    metadata_store_pb2.Execution.CACHED,
    metadata_store_pb2.Execution.RUNNING,
)


class Root:
    """A root under a path that is kept in its store, and what its runs did."""

    def __init__(self, path):
        self.path = path
        path.mkdir()
        config = metadata_store_pb2.ConnectionConfig()
        config.sqlite.filename_uri = str(path / "metadata.sqlite")
        config.sqlite.connection_mode = 3  # READWRITE_OPENCREATE
        self.store = MetadataStore(config)
        string = metadata_store_pb2.STRING
        types = metadata_store_pb2
        self.types = {
            "run": self.store.put_context_type(types.ContextType(name="pipeline_run")),
            "node": self.store.put_context_type(types.ContextType(name="node")),
            "stage": self.store.put_execution_type(types.ExecutionType(name="stage")),
            "output": self.store.put_artifact_type(
                types.ArtifactType(name="output", properties={"of": string})
            ),
        }

    def _context(self, kind, name):
        return self.store.put_contexts(
            [metadata_store_pb2.Context(type_id=self.types[kind], name=name)]
        )[0]

    def begin(self, name):
        self.run = self._context("run", name)

    def stage(self, stage, state, artifact=None, **properties):
        """A stage of the run that has begun; returns the artifact that it wrote."""
        node = metadata_store_pb2.Context(type_id=self.types["node"], name=f"p.{stage}")
        found = self.store.get_context_by_type_and_name("node", node.name)
        node_id = found.id if found else self.store.put_contexts([node])[0]
        execution = metadata_store_pb2.Execution(
            type_id=self.types["stage"], last_known_state=state
        )
        for name, value in properties.items():
            execution.custom_properties[name].string_value = value
        (execution.id,) = self.store.put_executions([execution])
        written = []
        if state == RAN:
            folder = self.path / stage / "out" / str(execution.id)
            folder.mkdir(parents=True)
            (folder / "file").write_text("content")
            artifact = metadata_store_pb2.Artifact(
                type_id=self.types["output"],
                uri=str(folder),
                state=metadata_store_pb2.Artifact.LIVE,
            )
            (artifact.id,) = self.store.put_artifacts([artifact])
        if artifact is not None:
            written = [
                metadata_store_pb2.Attribution(
                    artifact_id=artifact.id, context_id=self.run
                )
            ]
        contexts = [
            metadata_store_pb2.Association(execution_id=execution.id, context_id=one)
            for one in (self.run, node_id)
        ]
        self.store.put_attributions_and_associations(written, contexts)
        return artifact


@pytest.fixture
def root(tmp_path):
    return Root(tmp_path / "root")


@pytest.fixture
def link(root, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(root.path)
    return link


def test_the_span_of_a_window_is_the_newest_by_number(root):
    root.begin("one")
    for span in ("10", "9"):  # in the order in which TFX runs them
        root.stage(f"VocExampleGen-{span}", RAN, data="d-{SPAN}", span=span)

    (run,) = past_runs(str(root.path))

    assert (run.data, run.span) == ("d-{SPAN}", "10")


def test_a_run_that_began_nothing_is_of_no_span(root):
    root.begin("one")

    (run,) = past_runs(str(root.path))

    assert (run.data, run.span, run.state) == ("", "", "unfinished")


@pytest.mark.parametrize("name", ["path", "link"])
def test_what_a_kept_run_reused_stays_by_whatever_name_the_root_is_called(
    root, link, name
):
    root.begin("one")
    reused = root.stage("VocExampleGen", RAN)
    old = root.stage("Trainer", RAN)
    root.begin("two")
    root.stage("VocExampleGen", REUSED, reused)
    new = root.stage("Trainer", RAN)

    lost, freed = delete_old_runs(str({"path": root.path, "link": link}[name]), 1)

    assert (len(lost), freed) == (1, len("content"))
    there = [(root.path / one.uri).exists() for one in (reused, old, new)]
    assert there == [True, False, True]


def test_checkpoints_stay_where_the_runs_since_got_to_no_training(root):
    older, newer = (root.path / "checkpoints" / one for one in ("a", "b"))
    for folder in (older, newer):
        folder.mkdir(parents=True)
        root.begin(folder.name)
        config = json.dumps({"checkpoint_dir": str(folder)})
        root.stage("Trainer", BEGUN, custom_config=config)
    for name in ("broken off", "once more"):
        root.begin(name)
        root.stage("VocExampleGen", BEGUN)

    delete_old_runs(str(root.path), 1)

    assert (older.exists(), newer.exists()) == (False, True)


@pytest.mark.parametrize("name", ["path", "link"])
def test_checkpoints_of_a_training_that_goes_on_stay(root, link, name):
    going_on, ended = (root.path / "checkpoints" / one for one in ("a", "b"))
    for folder in (going_on, ended):
        folder.mkdir(parents=True)
    root.begin("one")
    config = json.dumps({"checkpoint_dir": str(going_on)})
    root.stage("Trainer", BEGUN, custom_config=config)

    delete_old_runs(str({"path": root.path, "link": link}[name]), 1)

    assert (going_on.exists(), ended.exists()) == (True, False)

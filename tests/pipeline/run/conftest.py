"""A root with runs, in a metadata store written as TFX writes it."""

import pytest

STATES = {"ran": "COMPLETE", "reused": "CACHED", "begun": "RUNNING"}


class Root:
    """A root under a path that is kept in its store, and what its runs did."""

    def __init__(self, path):
        from ml_metadata.metadata_store import MetadataStore
        from ml_metadata.proto import metadata_store_pb2

        self._proto = metadata_store_pb2
        self.path = path
        path.mkdir()
        config = self._proto.ConnectionConfig()
        config.sqlite.filename_uri = str(path / "metadata.sqlite")
        config.sqlite.connection_mode = 3  # READWRITE_OPENCREATE
        self.store = MetadataStore(config)
        string = self._proto.STRING
        types = self._proto
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
            [self._proto.Context(type_id=self.types[kind], name=name)]
        )[0]

    def begin(self, name):
        self.run = self._context("run", name)

    def stage(self, stage, how, artifact=None, key="out", files=None, **properties):
        """A stage of the run that has begun; returns the artifact that it wrote."""
        state = getattr(self._proto.Execution, STATES[how])
        node = self._proto.Context(type_id=self.types["node"], name=f"p.{stage}")
        found = self.store.get_context_by_type_and_name("node", node.name)
        node_id = found.id if found else self.store.put_contexts([node])[0]
        execution = self._proto.Execution(
            type_id=self.types["stage"], last_known_state=state
        )
        for name, value in properties.items():
            execution.custom_properties[name].string_value = value
        (execution.id,) = self.store.put_executions([execution])
        written = []
        if how == "ran":
            folder = self.path / stage / "out" / str(execution.id)
            folder.mkdir(parents=True)
            (folder / "file").write_text("content")
            for name, content in (files or {}).items():
                (folder / name).write_text(content)
            artifact = self._proto.Artifact(
                type_id=self.types["output"],
                uri=str(folder),
                state=self._proto.Artifact.LIVE,
            )
            (artifact.id,) = self.store.put_artifacts([artifact])
            event = self._proto.Event(
                type=self._proto.Event.OUTPUT,
                artifact_id=artifact.id,
                execution_id=execution.id,
            )
            event.path.steps.add(key=key)
            self.store.put_events([event])
        if artifact is not None:
            written = [
                self._proto.Attribution(artifact_id=artifact.id, context_id=self.run)
            ]
        contexts = [
            self._proto.Association(execution_id=execution.id, context_id=one)
            for one in (self.run, node_id)
        ]
        self.store.put_attributions_and_associations(written, contexts)
        return artifact


@pytest.fixture
def root(tmp_path):
    pytest.importorskip("ml_metadata.proto")
    return Root(tmp_path / "root")


@pytest.fixture
def link(root, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(root.path)
    return link

"""The stages that read the data set: one ingest a span, and the window over them."""

import dataclasses
from typing import Any

from tfx import v1 as tfx
from tfx.types import channel_utils

from components.example_gen.component import VocExampleGen
from components.span_window.component import SpanWindow
from pipeline.config import PipelineConfig, RunPaths
from pipeline.run.state import RunState, stage_digest
from schemas.config_json import to_json

Node = Any  # tfx.types.BaseNode; the outputs of a component function are made by TFX


@dataclasses.dataclass(frozen=True)
class SpanStages:
    """What reads the spans of a run.

    Attributes:
      ingest: of the span that the run is about.
      statistics: of that span.
      earlier: ingest and statistics of the span that drift is measured against, or
        none; `earlier_statistics` is what the data gate takes of them.
      others: ingests of the other spans of the window.
      window: the stage that puts the window together, or none.
    """

    ingest: Node
    statistics: Node
    earlier: tuple[Node, ...] = ()
    earlier_statistics: dict[str, Any] = dataclasses.field(default_factory=dict)
    others: tuple[Node, ...] = ()
    window: tuple[Node, ...] = ()

    @property
    def examples(self) -> Any:
        """What is learned from and judged on: with images."""
        return (self.window or (self.ingest,))[0].outputs["examples"]

    @property
    def annotations(self) -> Any:
        """The same without images."""
        return (self.window or (self.ingest,))[0].outputs["annotations"]


def span_stages(config: PipelineConfig, paths: RunPaths, state: RunState) -> SpanStages:
    """The stages of one span, or of a window of them.

    The stages of a window are named by their span: TFX reuses what a stage of the same
    name made of the same data, so that next week's run reads the new span alone.
    """
    if not paths.window:
        return _unnamed(config, paths, state)
    digests = dict(zip(paths.window, state.window_digests, strict=True))
    digests.setdefault(paths.earlier_span, state.earlier_digest)
    ingests = {
        span: _ingest(config, paths, span, digest).with_id(f"VocExampleGen-{span}")
        for span, digest in digests.items()
        if span
    }
    statistics = {
        span: _statistics(ingests[span]).with_id(f"StatisticsGen-{span}")
        for span in (paths.span, paths.earlier_span)
        if span
    }
    newest, before = paths.span, paths.earlier_span
    others = tuple(
        ingests[span] for span in paths.window if span not in (newest, before)
    )
    window = [ingests[span] for span in paths.window]
    return SpanStages(
        ingest=ingests[newest],
        statistics=statistics[newest],
        earlier=(ingests[before], statistics[before]) if before else (),
        earlier_statistics=_earlier(statistics[before]) if before else {},
        others=tuple(others),
        window=(_window(window),) if len(window) > 1 else (),
    )


def _unnamed(config: PipelineConfig, paths: RunPaths, state: RunState) -> SpanStages:
    """One span, and the one that drift is measured against, where that is told."""
    ingest = _ingest(config, paths, paths.span, state.data_digest)
    statistics = _statistics(ingest)
    if not paths.earlier_span:
        return SpanStages(ingest, statistics)
    before = _ingest(config, paths, paths.earlier_span, state.earlier_digest)
    before = before.with_id("EarlierVocExampleGen")
    measured = _statistics(before).with_id("EarlierStatisticsGen")
    return SpanStages(ingest, statistics, (before, measured), _earlier(measured))


def _ingest(config: PipelineConfig, paths: RunPaths, span: str, digest: str) -> Node:
    return VocExampleGen(
        data=paths.data,
        span=span,
        ingest_config=to_json(config.ingest),
        data_digest=digest,
        source_digest=stage_digest("VocExampleGen"),
    )


def _statistics(ingest: Node) -> Node:
    # Statistics and Transform read `annotations`: the same examples without images.
    return tfx.components.StatisticsGen(examples=ingest.outputs["annotations"])


def _earlier(statistics: Node) -> dict[str, Any]:
    return {"earlier_statistics": statistics.outputs["statistics"]}


def _window(ingests: list[Node]) -> Node:
    def together(key: str) -> Any:
        return channel_utils.union([ingest.outputs[key] for ingest in ingests])

    return SpanWindow(
        span_examples=together("examples"),
        span_annotations=together("annotations"),
        source_digest=stage_digest("SpanWindow"),
    )

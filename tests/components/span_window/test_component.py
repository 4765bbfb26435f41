import pytest

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def test_the_artifacts_know_their_splits_and_the_newest_span(span_of, tmp_path):
    from tfx.types import standard_artifacts

    from components.span_window.component import SpanWindow

    spans = [
        span_of(7, {"train": [("a", "A", ["dog"])], "test": [("b", "B", [])]}, ["dog"]),
        span_of(8, {"train": [("a", "C", ["cat"])], "eval": [("b", "D", [])]}, ["cat"]),
    ]

    def artifact(uri, span=0):
        made = standard_artifacts.Examples()
        made.uri, made.span = str(uri), span
        return made

    outputs = {name: artifact(tmp_path / name) for name in ("examples", "annotations")}
    for made in outputs.values():
        (tmp_path / made.uri).mkdir()
    SpanWindow.test_call(
        span_examples=[artifact(one.examples, one.span) for one in spans],
        # in another order: they go by their span
        span_annotations=[artifact(one.annotations, one.span) for one in spans[::-1]],
        **outputs,
        source_digest="",
    )

    for made in outputs.values():
        assert made.span == 8
        assert made.split_names == '["eval", "test", "train"]'
        home = tmp_path / made.uri
        assert (home / "label_map.txt").read_text() == "cat\ndog\n"
        assert len(list((home / "Split-train").iterdir())) == 2

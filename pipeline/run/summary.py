"""What a run came to, for people and for programs."""

import dataclasses
import os
import sys
from typing import Any

from components.evaluator.component import METRICS_FILE, VERDICT_FILE
from components.evaluator.evaluation import CANDIDATE
from components.report.page_files import PAGE_FILE, PICTURE_FILE
from components.serving_check.component import FINDINGS_FILE
from pipeline.run.colour import painted
from pipeline.run.record import StageRecord, latest_run, newest_ingest, read_json
from trainer.training.learning_curves import CURVES_FILE

_HEADLINES = (("mAP", "AP"), ("AP50", "AP50"), ("AP75", "AP75"))


@dataclasses.dataclass(frozen=True)
class RunSummary:
    """The end of a run.

    Attributes:
      blessed: the gate's verdict; `reasons` says why.
      serving_problems: what the serving check found; empty where it is servable.
      pushed_path: the SavedModel that now serves, or "" where nothing was pushed.
      model_digest: of the files of what was pushed, or "".
      served_already: that SavedModel served before this run, which pushed nothing.
      not_pushed: why a blessed and servable model was not pushed after all, or "".
      metrics: split -> metric name -> value, of this run's model;
        None where there is no ground truth to find.
      model_path: the exported SavedModel, pushed or not.
      report: path of the page; `picture` of the PNG with detections, `curves` of the
        one with the training's loss, rate and mAP.
      ingest_report: path of the page about the data.
      stages: component id -> "reused" or "ran".
      seconds: of the whole run.
    """

    blessed: bool
    reasons: tuple[str, ...]
    serving_problems: tuple[str, ...]
    pushed_path: str
    model_digest: str
    not_pushed: str
    metrics: dict[str, dict[str, float | None]]
    model_path: str
    report: str
    picture: str
    curves: str
    ingest_report: str
    stages: dict[str, str]
    seconds: float
    served_already: bool = False

    def why_not_pushed(self) -> str:
        """What stood in the way, in one line."""
        gate = () if self.blessed else self.reasons
        after_all = (self.not_pushed,) if self.not_pushed else ()
        return "; ".join([*gate, *self.serving_problems, *after_all])

    def as_text(self) -> str:
        """The summary as the last lines of a run."""
        lines = [""]
        for split, values in self.metrics.items():
            shown = (f"{text} {_number(values[key])}" for text, key in _HEADLINES)
            lines.append(f"{split:<9} {'  '.join(shown)}")
        verdict = (
            painted("blessed", "green", sys.stdout)
            if self.blessed
            else painted("NOT BLESSED", "red", sys.stdout)
        )
        lines.append(f"gate      {verdict}: {'; '.join(self.reasons)}")
        lines += [f"serving   {problem}" for problem in self.serving_problems]
        reused = sum(how == "reused" for how in self.stages.values())
        lines += [
            f"pushed    {self._pushed()}",
            f"report    {self.report}",
            f"picture   {self.picture}",
            f"curves    {self.curves}",
            f"data      {self.ingest_report}",
            f"{len(self.stages)} stages, {reused} reused, {self.seconds:.0f} s",
        ]
        return "\n".join(lines) + "\n"

    def _pushed(self) -> str:
        if self.served_already:
            return f"nothing: {self.pushed_path} serves already"
        if self.pushed_path:
            return self.pushed_path
        why = f"; {self.not_pushed}" if self.not_pushed else ""
        return f"nothing: what serves is untouched{why}"


def read_summary(metadata_path: str, seconds: float) -> RunSummary:
    """Reads the newest run of a local metadata store."""
    stages = latest_run(metadata_path)
    evaluator = stages["DetectionEvaluator"].outputs
    verdict = read_json(evaluator["blessing"].uri, VERDICT_FILE)
    metrics = read_json(evaluator["evaluation_result"].uri, METRICS_FILE)
    findings = read_json(
        _output(stages, "ServingCheck", "serving_blessing"), FINDINGS_FILE
    )
    report = _output(stages, "ReportWriter", "report")
    pushed = stages["ModelPusher"].outputs["pushed_model"].properties
    return RunSummary(
        blessed=verdict["blessed"],
        reasons=tuple(verdict["reasons"]),
        serving_problems=tuple(findings["problems"]),
        pushed_path=pushed.get("pushed_destination", ""),
        model_digest=pushed.get("model_digest", ""),
        served_already=bool(pushed.get("pushed_destination"))
        and (stages["ModelPusher"].reused or bool(pushed.get("served_already"))),
        not_pushed=pushed.get("not_pushed", ""),
        metrics=_judged_split_first(metrics, verdict["split"]),
        model_path=os.path.join(_output(stages, "Trainer", "model"), "Format-Serving"),
        report=os.path.join(report, PAGE_FILE),
        picture=os.path.join(report, PICTURE_FILE),
        curves=os.path.join(report, CURVES_FILE),
        ingest_report=os.path.join(
            _output(stages, newest_ingest(stages), "report"), "report.html"
        ),
        stages={
            name: "reused" if stage.reused else "ran" for name, stage in stages.items()
        },
        seconds=round(seconds, 1),
    )


def _judged_split_first(
    metrics: dict[str, Any], judged: str
) -> dict[str, dict[str, float | None]]:
    order = sorted(metrics, key=lambda split: (split != judged, split))
    return {split: metrics[split][CANDIDATE] for split in order}


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _output(stages: dict[str, StageRecord], stage: str, key: str) -> str:
    return stages[stage].outputs[key].uri

"""One call of a scheduled retraining: what is new, one run, and what is remembered."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeline.config import PipelineConfig, RunPaths
from pipeline.local_run import DataDigests
from pipeline.retraining.ending import Ending
from pipeline.retraining.news import News, find_news
from pipeline.retraining.result import NOTHING_NEW, PAUSED, Result
from pipeline.retraining.state import (
    Attempt,
    Outcome,
    RetrainingState,
    now,
    read_state,
    write_state,
)

if TYPE_CHECKING:  # it knows TFX, and where nothing is new none of that is needed
    from pipeline.run.summary import RunSummary

RunStages = Callable[[PipelineConfig, RunPaths, DataDigests], "RunSummary"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What a call is asked for.

    Attributes:
      config: of the run; paths: whose span and window are still to be found.
      window: how many spans are learned from.
      warm_start: whether the weights start from the served ones.
      leave_out: spans that are as if they were not there.
      again: whether the newest span is trained on though it is settled.
      resume: whether a pause is lifted first.
    """

    config: PipelineConfig
    paths: RunPaths
    window: int = 1
    warm_start: bool = False
    leave_out: tuple[int, ...] = ()
    again: bool = False
    resume: bool = False


def retrain(
    request: Request,
    run_stages: RunStages,
    tell: Callable[[Result], None],
    say: Callable[[str], None],
) -> Result:
    """Does what one call has to do; whoever calls holds the root's lock.

    `say` is given a line on what is about to be done, `tell` what the call came to.
    What a run raises becomes an outcome, is remembered and told; what the user cannot
    mend, and an interrupt, are raised again after that.
    """
    root = request.paths.root
    state, killed = _taken_up(root, resume=request.resume)
    if state.paused:
        result = _paused(root, state, killed)
        tell(result)
        return result
    news = find_news(
        request.paths.data,
        state,
        window=request.window,
        leave_out=request.leave_out,
        again=request.again,
    )
    if news is None:
        result = _nothing_new(request, state, killed)
        tell(result)
        return result
    attempt = _begin(request, news, state)
    write_state(root, state.begun(attempt))
    say(_plan(news, attempt))
    ending = Ending(root, state, attempt, killed, tell)
    with ending.of_what_is_raised():
        summary = run_stages(*_run_of(request, news, attempt), news.digests)
    return ending.result or ending.of_summary(summary)


def _taken_up(root: str, *, resume: bool) -> tuple[RetrainingState, Outcome | None]:
    """What is remembered, with an attempt that was killed as one of the failures."""
    before = state = read_state(root)
    killed = None
    if state.running:
        reason = f"the retraining that began {state.running.began} was killed"
        killed = Outcome(
            attempt=state.running, what="killed", ended=now(), reason=reason
        )
        state = state.ended(killed)
    if resume:
        state = state.resumed()
    if state != before:
        write_state(root, state)
    return state, killed


def _begin(request: Request, news: News, state: RetrainingState) -> Attempt:
    """An attempt; one that goes on starts from the weights that it began with."""
    earlier = state.last.attempt if state.last and news.why == "goes on" else None
    initial_model = None
    if request.warm_start:
        from pipeline.retraining.warm_start import served_weights  # imports Beam

        began_with = earlier.initial_model if earlier else None
        initial_model = served_weights(request.paths.push_destination, began_with)
    return Attempt(
        span=news.span,
        data_digest=news.digests.span,
        window=news.window,
        initial_model=initial_model,
        began=now(),
    )


def _run_of(
    request: Request, news: News, attempt: Attempt
) -> tuple[PipelineConfig, RunPaths]:
    paths = dataclasses.replace(
        request.paths,
        span=str(news.span),
        earlier_span="" if news.earlier is None else str(news.earlier),
        window=tuple(map(str, news.window)),
    )
    if not attempt.initial_model:
        return request.config, paths
    trainer = request.config.trainer
    model = dataclasses.replace(trainer.model, initial_model=attempt.initial_model)
    trainer = dataclasses.replace(trainer, model=model)
    return dataclasses.replace(request.config, trainer=trainer), paths


def _plan(news: News, attempt: Attempt) -> str:
    """What is about to be done, in a line."""
    spans = " ".join(map(str, news.window))
    parts = [
        f"span {news.span} {news.why}",
        f"learning from {'spans' if len(news.window) > 1 else 'span'} {spans}",
    ]
    if news.earlier is not None:
        parts.append(f"drift is measured against span {news.earlier}")
    if news.refused:
        refused = " ".join(map(str, news.refused))
        parts.append(f"passed over, since their data were refused: {refused}")
    if attempt.initial_model is not None:
        served = attempt.initial_model or "nothing, for nothing serves yet"
        parts.append(f"weights start from {served}")
    return "; ".join(parts)


def _paused(root: str, state: RetrainingState, killed: Outcome | None) -> Result:
    last = state.last
    about = f"; the last, {_in_words(last)}" if last else ""
    return Result(
        outcome=PAUSED,
        text=(
            f"after {state.failures} failures in a row{about}. When the cause is "
            "mended, add --resume once"
        ),
        root=root,
        failures=state.failures,
        killed=killed,
    )


def _nothing_new(
    request: Request, state: RetrainingState, killed: Outcome | None
) -> Result:
    settled = state.last_settled
    return Result(
        outcome=NOTHING_NEW,
        text=f"in {request.paths.data}; {_in_words(settled)}" if settled else "",
        root=request.paths.root,
        failures=state.failures,
        killed=killed,
    )


def _in_words(outcome: Outcome) -> str:
    what = outcome.what.replace("_", " ")
    return f"span {outcome.attempt.span} ({what} {outcome.ended}): {outcome.reason}"

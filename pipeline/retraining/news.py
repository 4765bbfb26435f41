"""Which span is new, which spans are learned from with it, what drift is against."""

import dataclasses
from collections.abc import Collection

from components.example_gen.source import spans
from components.example_gen.source.digest import data_digest
from pipeline.local_run import DataDigests
from pipeline.retraining.state import RetrainingState
from schemas.user_error import UserError


@dataclasses.dataclass(frozen=True, kw_only=True)
class News:
    """What a retraining would be about.

    Attributes:
      span: the newest span; why: what makes it worth a training.
      window: spans to learn from, oldest first; the last is `span`.
      earlier: the span that drift is measured against, or None.
      refused: spans passed over for their data, from the oldest used on.
      digests: of the files of all these.
    """

    span: int
    why: str
    window: tuple[int, ...]
    earlier: int | None
    refused: tuple[int, ...]
    digests: DataDigests


def find_news(
    data: str,
    state: RetrainingState,
    *,
    window: int,
    leave_out: Collection[int] = (),
    again: bool = False,
) -> News | None:
    """The newest span, unless it is settled; None where nothing is new.

    A span whose data were refused is neither learned from nor measured against, until
    its files change: else a drift would be accepted in its second week.

    Raises UserError where no span is there.
    """
    numbers = [n for n in spans.span_numbers(data) if n not in leave_out]
    if not numbers:
        raise UserError(f"{data}: --leave-out names every span there is")
    newest = numbers[-1]
    digest = data_digest(data, newest)
    why = _why_new(newest, digest, state, again=again)
    if not why:
        return None
    refused = [n for n in numbers[:-1] if _is_refused(data, n, state)]
    accepted = [n for n in numbers[:-1] if n not in refused]
    older = accepted[-(window - 1) :] if window > 1 else []
    chosen = (*older, newest)
    earlier = accepted[-1] if accepted else None
    digests = {n: data_digest(data, n) for n in {*older, *accepted[-1:]}}
    digests[newest] = digest
    oldest = min(chosen[0], earlier) if earlier is not None else -1
    return News(
        span=newest,
        why=why,
        window=chosen,
        earlier=earlier,
        refused=tuple(n for n in refused if n > oldest),
        digests=DataDigests(
            span=digest,
            earlier=digests[earlier] if earlier is not None else "",
            window=tuple(digests[n] for n in chosen),
        ),
    )


def _why_new(newest: int, digest: str, state: RetrainingState, *, again: bool) -> str:
    """What makes the newest span worth a training; "" where nothing does."""
    if again:
        return "once more, as told"
    last = state.last
    these = (newest, digest)
    if last and not last.settled and last.about == these:
        return "goes on"
    done = state.last_settled
    if done is None or newest > done.attempt.span:
        return "is new"
    return "has changed" if newest == done.attempt.span and done.about != these else ""


def _is_refused(data: str, span: int, state: RetrainingState) -> bool:
    """Whether the last word on a span's data, as they are now, was a refusal."""
    verdicts = state.data_verdicts(span)
    if all(verdict.what != "data_refused" for verdict in verdicts):
        return False  # and its files need not be read
    now = span, data_digest(data, span)
    of_these = [verdict for verdict in verdicts if verdict.about == now]
    return bool(of_these) and of_these[-1].what == "data_refused"

"""One line that says how far the training is, renewed in place on a terminal."""

import logging
import os
import sys
import time
from collections.abc import Callable
from typing import TextIO

import keras

from trainer.training.callbacks.state import TrainingState

_LOG = logging.getLogger(__name__)
TERMINAL_INTERVAL_S = 0.5
PLAIN_INTERVAL_S = 30.0
# how fast the shown rate follows a change; evaluations are left out of it
RATE_MEMORY = 0.95


class ShowProgress(keras.callbacks.Callback):
    """Step, rate, time left, loss and mAP: one line in place, or plain lines.

    Plain lines (no terminal) come every half minute and after every evaluation. The
    time left counts evaluations too, as often as they came so far.
    """

    def __init__(
        self,
        state: TrainingState,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.state = state
        self.stream = stream or sys.stderr
        self.clock = clock
        self.in_place = self.stream.isatty()
        self._first_step = 0
        self._shown_evaluation = -1
        self._started = self._shown_at = self._step_began = 0.0
        self._seconds_per_step = 0.0

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Start the clock."""
        del logs
        self._first_step = self.state.step
        self._started = self._shown_at = self.clock()

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Time steps alone, for the rate."""
        del batch, logs
        self._step_began = self.clock()

    def on_train_batch_end(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Renew the line when it is old enough."""
        del batch
        now = self.clock()
        taken_s = now - self._step_began
        steps_here = self.state.step - self._first_step
        if steps_here == 1:
            # the first step compiles: it says nothing of the time left
            self._started = now
        elif steps_here == 2:
            self._seconds_per_step = taken_s
        else:
            kept = RATE_MEMORY * self._seconds_per_step
            self._seconds_per_step = kept + (1 - RATE_MEMORY) * taken_s
        interval = TERMINAL_INTERVAL_S if self.in_place else PLAIN_INTERVAL_S
        if now - self._shown_at >= interval:
            self._show(self.line(float((logs or {}).get("loss", float("nan")))))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Show every evaluation."""
        del epoch
        if self.state.evaluated_at == self._shown_evaluation:
            return
        self._shown_evaluation = self.state.evaluated_at
        self._show(self.line(float((logs or {}).get("loss", float("nan")))))

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Leave the last line standing."""
        del logs
        if self.in_place:
            self.stream.write("\n")
            self.stream.flush()

    def line(self, loss: float) -> str:
        """The line, from what is known now."""
        state = self.state
        parts = [
            f"step {state.step}/{state.train_steps}",
            f"epoch {state.epoch:.1f}",
        ]
        steps_timed = state.step - self._first_step - 1
        if steps_timed > 0:
            parts.append(f"{1 / max(self._seconds_per_step, 1e-9):.2f} steps/s")
            average_s = (self.clock() - self._started) / steps_timed
            parts.append(f"ETA {_clock((state.train_steps - state.step) * average_s)}")
        parts.append(f"loss {loss:.3f}")
        if state.summary is not None:
            metrics = state.summary.metrics
            parts.append(f"mAP {metrics['AP']:.3f} AP50 {metrics['AP50']:.3f}")
        return " | ".join(parts)

    def _show(self, line: str) -> None:
        self._shown_at = self.clock()
        if self.in_place:
            self.stream.write(f"\r\x1b[K{fitting(line, self._columns())}")
            self.stream.flush()
        else:
            _LOG.info("%s", line)

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self.stream.fileno()).columns or 80
        except OSError:  # no terminal after all
            return 80


def fitting(line: str, columns: int) -> str:
    """The line without its least parts, so that it does not wrap.

    One that wraps cannot be renewed in place, and fills the terminal.
    """
    parts = line.split(" | ")
    for least in ("epoch", "steps/s", "loss", "ETA"):
        if len(" | ".join(parts)) < columns:
            break
        parts = [part for part in parts if least not in part]
    return " | ".join(parts)[: columns - 1]


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"

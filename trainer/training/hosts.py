"""Several processes that train one model: how they find each other, what they tell.

JAX's own coordination and collectives, entered through `keras.distribution`. Without
`join` this process is the only one, and everything here is what it has itself.
"""

import io
import re
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from schemas.user_error import UnavailableError, UserError
from trainer.input.host import ONE_HOST, Host
from trainer.training.meeting import COORDINATOR, COUNT, INDEX, Meeting

_SAME_COMMAND = "start all of them on the same files with the same command"
Arrays = Mapping[str, NDArray[Any]]
# What JAX, gloo and NCCL say where another process is no more; they say other things,
# too, such as that a message is too large.
_LOSS = re.compile(
    "connection (closed|reset) by peer|broken pipe|socket closed|coordination service"
    "|heartbeat|remote process",
    re.I,
)


def require_jax(strategy: str) -> None:
    """UserError where the backend is none that trains in several processes."""
    backend = keras.backend.backend()
    if strategy == "multi_host" and backend != "jax":
        raise UserError(
            "trainer.strategy 'multi_host' is JAX's, and the backend here is "
            f"{backend}: run with KERAS_BACKEND=jax, or set trainer.strategy=mirrored "
            "for all GPUs of one machine"
        )


def join(meeting: Meeting | None) -> Host:
    """Meet the other processes, before anything else is asked of JAX.

    Without a `meeting`, JAX looks itself: on Cloud TPU, under Slurm and Open MPI.
    """
    import jax

    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    try:
        if meeting is None:
            keras.distribution.initialize()
        else:
            host = meeting.host
            keras.distribution.initialize(meeting.address, host.count, host.index)
    except ValueError as error:  # what is not set in the environment, nor found
        said = str(error).rstrip(".")
        raise UserError(
            f"trainer.strategy is 'multi_host', but {said}: set {COORDINATOR[0]}="
            f"HOST:PORT, {COUNT[0]} and {INDEX[0]} in each process"
        ) from error
    except RuntimeError as error:
        where = meeting.address if meeting else "the address that JAX found"
        raise UnavailableError(
            f"the processes did not meet at {where} ({str(error).splitlines()[0]}): "
            "start all of them, within five minutes, with the same address"
        ) from error
    met = this_host("multi_host")
    if meeting is not None and met != meeting.host:
        told = meeting.host
        raise UserError(
            f"this process is to be {told.index} of {told.count} processes, and "
            f"{met.count} have met at {meeting.address}: set {COUNT[0]} alike in all "
            "of them"
        )
    return met


def leave() -> None:
    """Wait for the others and part: what follows may take one of them long."""
    import jax

    jax.distributed.shutdown()


def this_host(strategy: str) -> Host:
    """Which process this is; UserError where a strategy needs several and none met."""
    if strategy != "multi_host":
        return ONE_HOST
    require_jax(strategy)
    import jax

    if not jax.distributed.is_initialized():
        raise UserError(
            "trainer.strategy 'multi_host' takes several processes, which "
            "voc-pipeline train makes one training: start it in each of them, or set "
            "trainer.strategy=data_parallel for all devices of one"
        )
    return Host(jax.process_index(), jax.process_count())


def is_loss(error: BaseException) -> bool:
    """Whether an error of JAX's says that another process is gone."""
    from jax.errors import JaxRuntimeError

    of_jax = isinstance(error, (JaxRuntimeError, ValueError))
    return of_jax and _LOSS.search(str(error)) is not None


def gathered(arrays: Arrays, host: Host) -> list[Arrays]:
    """The arrays of every process, in their order; all of them call it together."""
    if host.count == 1:
        return [arrays]
    from jax.experimental.multihost_utils import process_allgather

    packed = _packed(arrays)
    sizes = process_allgather(np.array(packed.size, np.int32)).tolist()
    padded = np.zeros(max(sizes), np.uint8)
    padded[: packed.size] = packed
    rows = process_allgather(padded)
    return [
        _unpacked(row[:size]) for row, size in zip(np.asarray(rows), sizes, strict=True)
    ]


def from_first(arrays: Arrays | None, host: Host) -> Arrays | None:
    """What the first process has, or None, in all of them; the others' is ignored."""
    if host.count == 1:
        return arrays
    from jax.experimental.multihost_utils import broadcast_one_to_all

    packed = _packed(arrays) if host.is_first and arrays is not None else None
    own = -1 if packed is None else packed.size
    size = int(broadcast_one_to_all(np.array(own, np.int32)))
    if size < 0:
        return None
    sent = np.zeros(size, np.uint8) if packed is None else packed
    return _unpacked(np.asarray(broadcast_one_to_all(sent)))


def require_same(
    what: str, value: str, host: Host, mended_by: str = _SAME_COMMAND
) -> None:
    """UserError, in every process, where one of them has another value."""
    values = [str(each["value"]) for each in gathered({"value": np.array(value)}, host)]
    for index, other in enumerate(values):
        if other != values[0]:
            raise UserError(
                f"process {index} of {host.count} has another {what} than process 0: "
                f"{mended_by}"
            )


def _packed(arrays: Arrays) -> NDArray[np.uint8]:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return np.frombuffer(buffer.getvalue(), np.uint8)


def _unpacked(packed: NDArray[np.uint8]) -> Arrays:
    with np.load(io.BytesIO(packed.tobytes())) as stored:  # no pickle is read
        return dict(stored)

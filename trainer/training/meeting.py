"""Where the processes of one training meet, as a launcher's variables tell it."""

import dataclasses
import re
from collections.abc import Mapping

from schemas.user_error import UserError
from trainer.input.host import Host

# Each says the same in the words of another launcher: Kubeflow Trainer's JAX runtime
# and by hand; the JAXJob of the older training operator; an indexed Job of Kubernetes.
COORDINATOR = ("JAX_COORDINATOR_ADDRESS", "COORDINATOR_ADDRESS")
PORT = ("JAX_COORDINATOR_PORT", "COORDINATOR_PORT")
COUNT = ("JAX_NUM_PROCESSES", "NUM_PROCESSES")
INDEX = ("JAX_PROCESS_ID", "PROCESS_ID", "JOB_COMPLETION_INDEX")


@dataclasses.dataclass(frozen=True)
class Meeting:
    """Where the processes of one training meet, and which of them this is."""

    address: str
    host: Host


def meeting_in(environment: Mapping[str, str]) -> Meeting | None:
    """What the environment's variables say; None where they say nothing.

    Raises UserError where a part is missing or is no number.
    """
    address = _first(environment, COORDINATOR)
    if not address:
        return None
    port = _first(environment, PORT)
    if ":" not in address and port:
        address = f"{address}:{port}"
    if not re.search(r":\d+$", address):
        raise UserError(
            f"{COORDINATOR[0]}={address} has no port: HOST:PORT is where process 0 "
            f"listens (or set {PORT[0]})"
        )
    host, _, number = address.rpartition(":")
    if not re.fullmatch(r"[^\s/]+", host) or not 0 < int(number) < 1 << 16:
        raise UserError(
            f"{COORDINATOR[0]}={address} is no HOST:PORT, such as 10.0.0.7:29500: "
            "where process 0 listens, at a port from 1 to 65535"
        )
    count, index = _number(environment, COUNT), _number(environment, INDEX)
    if not 0 <= index < count:
        raise UserError(
            f"process {index} of {count} in the environment: {INDEX[0]} counts from 0 "
            f"to {COUNT[0]} - 1"
        )
    return Meeting(address, Host(index, count))


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")


def _number(environment: Mapping[str, str], names: tuple[str, ...]) -> int:
    text = _first(environment, names)
    if not text.isdecimal():
        said = f"is {text!r}" if text else "is not set"
        raise UserError(
            f"{names[0]} {said}, but {COORDINATOR[0]} is set: every process of a "
            "training needs the number of them and its own"
        )
    return int(text)

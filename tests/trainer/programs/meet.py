"""One of two processes that meet, tell each other things, and lose one.

The environment says which; prints what it was told as JSON. The second kills itself.
"""

import json
import os
import signal
import time

import numpy as np

from schemas.user_error import UserError
from trainer.training.hosts import (
    from_first,
    gathered,
    is_loss,
    join,
    require_same,
    this_host,
)
from trainer.training.meeting import meeting_in

met = []
signal.signal(signal.SIGTERM, lambda *_: met.append(True))
host = join(meeting_in(os.environ))
assert this_host("multi_host") == host
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(0.1)  # the handler runs between two lines of Python
# of other lengths, one of them of none
own = {"a": np.arange(3 * host.index, dtype=np.float64), "name": np.array(f"é{host}")}
told = {
    "host": [host.index, host.count],
    "gathered": [
        [each["a"].tolist(), str(each["name"])] for each in gathered(own, host)
    ],
    "nothing": from_first(None if host.is_first else own, host),
    "first": str(from_first(own, host)["name"]),
    "refused": "",
    "sigterm": bool(met),
}
require_same("config", "same", host)
try:
    require_same("config", f"of {host.index}", host)
except UserError as error:
    told["refused"] = str(error)
if host.index == 1:
    print(json.dumps(told), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
try:
    gathered(own, host)
except Exception as error:
    told["lost"] = is_loss(error)
print(json.dumps(told), flush=True)
os._exit(0)

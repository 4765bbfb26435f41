"""What a command's exit status means, the same for every command."""

import enum


class ExitStatus(enum.IntEnum):
    """A shell, cron or a scheduler tells these apart.

    SIGTERM ends a command as Ctrl-C does, in order and with 130; 143, which a shell
    reports of a process that SIGTERM killed, would say that nothing was tidied up.
    """

    DONE = 0
    REFUSED = 1  # by the gate, the data gate or a budget; the reason is printed
    BAD_INPUT = 2
    # an engine, a store, a process of a training that is not there (EX_UNAVAILABLE)
    UNAVAILABLE = 69
    CRASHED = 70  # a defect of ours, with its traceback (EX_SOFTWARE of sysexits.h)
    INTERRUPTED = 130

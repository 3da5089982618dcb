"""The process between robot and the nursery: it clears up when either of them is gone, whatever state the other is in.

It is forked from before the imports, does nothing but wait, and cannot be made to hang by what the nursery does.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys

from ..run import environment
from ..run.platform import signal_at_parents_end
from ..run.proctitle import set_proctitle
from .kernel import become_subreaper, end_children, end_marked
from .launch import close_all_but

_SWEEPS = 20


def main() -> None:
    """Usage: warden RUNNER_PID RUNNER_FD PRELOAD BLANKS."""
    runner, connection, preload = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    address = os.environ[environment.RUN]
    everything = signal.valid_signals()
    signal.pthread_sigmask(signal.SIG_BLOCK, everything)
    signal.signal(signal.SIGCONT, lambda *_: None)
    os.setsid()
    os.umask(0o077)  # what the programs of a run write is for its owner only
    become_subreaper()
    signal_at_parents_end(signal.SIGCONT)
    if os.getppid() != runner:
        shutil.rmtree(os.path.dirname(address), ignore_errors=True)
        os._exit(1)
    warden = os.getpid()
    nursery = os.fork()
    if nursery == 0:
        signal_at_parents_end(signal.SIGKILL)
        if os.getppid() != warden:
            os._exit(1)
        from . import nursery as program

        program.main(connection, address, preload)
        os._exit(0)
    close_all_but({0, 1, 2})
    set_proctitle(["rbee-warden", "--run", address])
    while os.getppid() == runner and not _ended(nursery):
        signal.sigwait({signal.SIGCHLD, signal.SIGCONT})
    end_children()
    for _ in range(_SWEEPS):
        if not end_marked(address, spare={os.getpid(), runner}):
            break
        end_children()
    shutil.rmtree(os.path.dirname(address), ignore_errors=True)
    os._exit(0)


def _ended(nursery: int) -> bool:
    """Reaps what has ended; says whether the nursery was among it."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if pid == nursery:
            return True
        if pid == 0:
            return False


if __name__ == "__main__":
    main()

"""The warden: a process between the runner and the nursery that ends all processes of the run when either of them is gone.

The nursery is forked from it before any further import. The warden only waits, and nothing that the nursery does can block it.
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
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    signal.signal(signal.SIGCONT, lambda *_: None)
    os.setsid()
    os.umask(0o077)  # files that the programs of a run write are for their owner only
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
    """Reaps all children that have ended; returns whether the nursery was one of them."""
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

"""Kinds of faults that the programs implement: a program queries `FaultSet.find` and changes its behaviour."""

from __future__ import annotations

from .base import ChaosUse, Fault


class Exit(Fault):
    """The worker exits while it starts or loads."""

    name, point, help = "exit", "program", "the worker ends with exit code `status` (1) while it starts; with `layer` while it loads"
    roles = ("worker",)
    states = ("starting", "loading")


class KillAtStart(Fault):
    """The worker kills itself at its start."""

    name, point, help = "kill-at-start", "program", "the worker kills itself (SIGKILL) while it starts, or `delay` later"
    roles = ("worker",)
    states = ("starting",)


class EarlyCallback(Fault):
    """The worker sends its ready callback before it serves."""

    name, point, help = "early-callback", "program", "ready callbacks are sent while the worker's port still refuses connections"
    roles = ("worker",)
    states = ("starting",)


class LeaveListener(Fault):
    """The worker leaves behind a process that holds its port."""

    name, point, help = "leave-listener", "program", "a second process holds the worker's port, and answers there when the worker is gone"
    roles = ("worker",)
    states = ("starting",)


class SkipModelCheck(Fault):
    """The worker accepts any file as a model."""

    name, point, help = "skip-model-check", "program", "the worker takes any file as its `--model`, also one that is no model"
    roles = ("worker",)
    states = ("starting",)


class Stick(Fault):
    """The worker stops loading."""

    name, point, help = "stick", "program", "loading stops at `layer` for ever"
    roles = ("worker",)
    states = ("loading",)


class NeverReady(Fault):
    """The worker never becomes ready."""

    name, point, help = "never-ready", "program", "no ready callback; the state stays loading"
    roles = ("worker",)
    states = ("starting",)


class LostCallback(Fault):
    """The worker loses its ready callbacks."""

    name, point, help = "lost-callback", "program", "ready callbacks are not sent"
    roles = ("worker",)
    chaos = ChaosUse("worker")
    states = ("idle",)


class DoubleCallback(Fault):
    """The worker sends its ready callbacks twice."""

    name, point, help = "double-callback", "program", "ready callbacks are sent twice"
    roles = ("worker",)
    chaos = ChaosUse("worker")
    states = ("idle",)


class LateCallback(Fault):
    """The worker sends its ready callbacks late."""

    name, point, help = "late-callback", "program", "ready callbacks are sent `delay` later (1 s)"
    needs_delay = True
    roles = ("worker",)
    states = ("idle",)


class LostHeartbeat(Fault):
    """The worker loses its heartbeats."""

    name, point, help = "lost-heartbeat", "program", "heartbeats are not sent"
    roles = ("worker",)
    states = ("idle", "busy")


class SilentShutdown(Fault):
    """The worker does not answer the shutdown request."""

    name, point, help = "silent-shutdown", "program", "the shutdown request is never answered, and nothing ends"
    roles = ("worker",)
    states = ("loading", "idle", "busy")


class IgnoreShutdown(Fault):
    """The worker answers the shutdown request, but does not shut down."""

    name, point, help = "ignore-shutdown", "program", "the shutdown request is answered with 202, and nothing ends"
    roles = ("worker",)
    states = ("loading", "idle", "busy")


class IgnoreSigterm(Fault):
    """The program ignores SIGTERM."""

    name, point, help = "ignore-sigterm", "program", "SIGTERM has no effect"


class SlowEnd(Fault):
    """The program ends slowly."""

    name, point, help = "slow-end", "program", "the end takes `delay` (1 s) after a shutdown request or SIGTERM"
    needs_delay = True
    states = ("draining",)


class HastyEnd(Fault):
    """The program ends without waiting for its children."""

    name, point, help = "hasty-end", "program", "the queen or hive tells those below it to end, and ends without waiting for them"
    roles = ("queen", "hive")
    states = ("draining",)


class PrematureReady(Fault):
    """The worker reports itself ready while it loads."""

    name, point, help = "premature-ready", "program", "the worker says on `/v1/ready` that it is ready while it still loads"
    roles = ("worker",)
    states = ("loading",)


class Overbook(Fault):
    """The worker accepts more requests than it has slots."""

    name, point, help = "overbook", "program", "the worker takes requests beyond its slots"
    roles = ("worker",)
    states = ("busy",)


class AcceptWhileDraining(Fault):
    """The worker accepts new requests while it drains."""

    name, point, help = "accept-while-draining", "program", "the worker takes new requests while it drains"
    roles = ("worker",)
    states = ("draining",)


class SwallowCancel(Fault):
    """The queen loses a cancellation."""

    name, point, help = "swallow-cancel", "program", "the queen answers a cancellation and does not pass it on"
    roles = ("queen",)
    states = ("idle",)


class SilentRemoval(Fault):
    """The hive keeps the ends of its workers to itself."""

    name, point, help = "silent-removal", "program", "the hive does not tell the queen of workers that have ended"
    roles = ("hive",)
    states = ("idle",)


class SlowSweep(Fault):
    """The queen sweeps slowly."""

    name, point, help = "slow-sweep", "program", "the queen's sweep for stale workers takes `delay` (1 s) for each of them"
    needs_delay = True
    roles = ("queen",)
    states = ("idle",)


class ChangedEtag(Fault):
    """The hub returns another ETag, as if the file had changed."""

    name, point, help = "changed-etag", "program", "the hub names another ETag for a file"
    roles = ("hub",)
    states = ("idle",)


class HugeLength(Fault):
    """The hub declares an impossible length."""

    name, point, help = "huge-length", "program", "the hub declares a length of 2^50 bytes"
    roles = ("hub",)
    states = ("idle",)


class SpawnFails(Fault):
    """The hive fails to start a worker."""

    name, point, help = "spawn-fails", "program", "the hive answers a spawn with 500 WORKER_CRASHED and starts nothing"
    roles = ("hive",)
    chaos = ChaosUse("hive")
    states = ("idle",)

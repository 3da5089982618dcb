"""Faults that a program carries out itself: it asks whether one acts, and does what its kind says."""

from __future__ import annotations

from .base import ChaosUse, Fault


class Exit(Fault):
    """The worker leaves while it starts or loads."""

    name, point, help = "exit", "program", "the worker ends with exit code `status` (1) while it starts; with `layer` while it loads"
    roles = ("worker",)
    states = ("starting", "loading")


class KillAtStart(Fault):
    """SIGKILL at the start."""

    name, point, help = "kill-at-start", "program", "the worker kills itself (SIGKILL) while it starts, or `delay` later"
    roles = ("worker",)
    states = ("starting",)


class EarlyCallback(Fault):
    """A ready callback from one who does not serve yet."""

    name, point, help = "early-callback", "program", "ready callbacks are sent while the worker's port still refuses connections"
    roles = ("worker",)
    states = ("starting",)


class LeaveListener(Fault):
    """A port that outlives its worker."""

    name, point, help = "leave-listener", "program", "a second process holds the worker's port, and answers there when the worker is gone"
    roles = ("worker",)
    states = ("starting",)


class SkipModelCheck(Fault):
    """Any file is a model."""

    name, point, help = "skip-model-check", "program", "the worker takes any file as its `--model`, unread"
    roles = ("worker",)
    states = ("starting",)


class Stick(Fault):
    """Loading stops."""

    name, point, help = "stick", "program", "loading stops at `layer` for ever"
    roles = ("worker",)
    states = ("loading",)


class NeverReady(Fault):
    """No ready callback."""

    name, point, help = "never-ready", "program", "no ready callback; the state stays loading"
    roles = ("worker",)
    states = ("starting",)


class LostCallback(Fault):
    """A ready callback is lost."""

    name, point, help = "lost-callback", "program", "ready callbacks are not sent"
    roles = ("worker",)
    chaos = ChaosUse("worker")
    states = ("loading", "idle")


class DoubleCallback(Fault):
    """Ready callbacks come twice."""

    name, point, help = "double-callback", "program", "ready callbacks are sent twice"
    roles = ("worker",)
    chaos = ChaosUse("worker")
    states = ("loading", "idle")


class LateCallback(Fault):
    """Ready callbacks come late."""

    name, point, help = "late-callback", "program", "ready callbacks are sent `delay` later (1 s)"
    roles = ("worker",)
    states = ("loading", "idle")


class LostHeartbeat(Fault):
    """Heartbeats are lost."""

    name, point, help = "lost-heartbeat", "program", "heartbeats are not sent"
    roles = ("worker",)
    states = ("idle", "busy")


class SilentShutdown(Fault):
    """The shutdown request is not answered."""

    name, point, help = "silent-shutdown", "program", "the shutdown request is never answered, and nothing ends"
    roles = ("worker",)
    states = ("loading", "idle", "busy")


class IgnoreShutdown(Fault):
    """The shutdown request is answered and forgotten."""

    name, point, help = "ignore-shutdown", "program", "the shutdown request is answered with 202, and nothing ends"
    roles = ("worker",)
    states = ("loading", "idle", "busy")


class IgnoreSigterm(Fault):
    """SIGTERM without effect."""

    name, point, help = "ignore-sigterm", "program", "SIGTERM has no effect"


class SlowEnd(Fault):
    """A slow end."""

    name, point, help = "slow-end", "program", "the end takes `delay` (1 s) after a shutdown request or SIGTERM"


class HastyEnd(Fault):
    """An end that does not wait."""

    name, point, help = "hasty-end", "program", "the queen or hive tells those below it to end, and ends without waiting for them"
    roles = ("queen", "hive")
    states = ("draining",)


class PrematureReady(Fault):
    """Ready too early."""

    name, point, help = "premature-ready", "program", "the worker says on `/v1/ready` that it is ready while it still loads"
    roles = ("worker",)
    states = ("loading",)


class Overbook(Fault):
    """No limit of slots."""

    name, point, help = "overbook", "program", "the worker takes requests beyond its slots"
    roles = ("worker",)
    states = ("busy",)


class AcceptWhileDraining(Fault):
    """New work at the end."""

    name, point, help = "accept-while-draining", "program", "the worker takes new requests while it drains"
    roles = ("worker",)
    states = ("draining",)


class SwallowCancel(Fault):
    """A cancellation that gets lost."""

    name, point, help = "swallow-cancel", "program", "the queen answers a cancellation and does not pass it on"
    roles = ("queen",)
    states = ("idle",)


class SlowSweep(Fault):
    """A sweep that takes its time."""

    name, point, help = "slow-sweep", "program", "the queen's sweep for stale workers takes `delay` (1 s) for each of them"
    roles = ("queen",)
    states = ("idle",)


class ChangedEtag(Fault):
    """A file that is another one by now."""

    name, point, help = "changed-etag", "program", "the hub names another ETag for a file"
    roles = ("hub",)
    states = ("idle",)


class HugeLength(Fault):
    """A length that cannot be."""

    name, point, help = "huge-length", "program", "the hub declares a length of 2^50 bytes"
    roles = ("hub",)
    states = ("idle",)


class SpawnFails(Fault):
    """The hive cannot start a worker."""

    name, point, help = "spawn-fails", "program", "the hive answers a spawn with 500 WORKER_CRASHED and starts nothing"
    roles = ("hive",)
    chaos = ChaosUse("hive")
    states = ("idle",)

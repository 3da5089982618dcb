"""For each cell of the coverage page, the body of a test that reaches it: it can be copied as it is."""

from __future__ import annotations

from dataclasses import dataclass

from ..faults.registry import KINDS

_SLOWLY = "${answer} =    Submit Inference    hello    to=worker-1    max_tokens=20"
_THROUGH_THE_QUEEN = "${answer} =    Submit Inference    hello    max_tokens=20"
_FIRST = "Wait For Tokens    ${answer}    1"
_ALONE = "Start Worker    hive=None"
_SLOW = "Start Worker    hive=None    token_delay=50ms"
_SLOW_FLEET = "Start Fleet    workers=1    token_delay=50ms"
_WORKERS = {
    "loading": ("Start Worker    hive=None    load_time=1h    until=loading",),
    "idle": (_ALONE,),
    "busy": (_SLOW, _SLOWLY, _FIRST),
    "draining": (_SLOW, _SLOWLY, _FIRST, "Terminate    worker-1", "Get State    worker-1    ==    draining"),
}
"""State -> how a worker gets there."""
_WORKERS_OF_A_HIVE = {
    "loading": ("Start Fleet", "Start Worker    load_time=1h    until=loading"),
    "idle": ("Start Fleet    workers=1",),
    "busy": (_SLOW_FLEET, _SLOWLY, _FIRST),
}
_ARGUMENTS = {
    "delay": "delay=10ms",
    "late-callback": "delay=10ms",
    "slow-end": "delay=10ms",
    "slow-sweep": "delay=10ms",
    "exit": "layer=8",
    "stick": "layer=8",
    "cut": "after_bytes=100",
    "corrupt": "after_bytes=100",
}
_AT_A_TOKEN = (
    "kill",
    "exit-at-token",
    "stall",
    "close",
    "break",
    "reset",
    "half-event",
    "half-character",
    "error-event",
    "duplicate-token",
    "skip-token",
    "swap-tokens",
)
_HEARD = "Get Request Count    queen    POST    /v1/workers/worker-1/heartbeat    >=    1"
_ASK = "Run Keyword And Ignore Error    Get State    {program}    ==    idle    within=0s"
_START = "Run Keyword And Ignore Error    Start Worker"


@dataclass(frozen=True)
class _Recipe:
    """Lines before the fault is armed, the program, lines that make it act, and lines that end what a fault has kept alive."""

    before: tuple[str, ...]
    program: str
    then: tuple[str, ...]
    last: tuple[str, ...] = ()


def recipe(state: str, kind: str) -> list[str]:
    """Lines of a test in which a fault of this kind hits a program in this state.

    Args:
        state: of the program.
        kind: one of the fault's states has to be `state`.
    """
    lines = _SPECIAL.get((state, kind)) or _usual(state, kind)
    arguments = "" if (state, kind) == ("starting", "exit") else _ARGUMENTS.get(kind, "")
    if kind in _AT_A_TOKEN:
        arguments = f"after_tokens={10 if state == 'draining' else 2}"
    words = ["${fault} =", "Inject Fault", lines.program, kind.replace("-", " "), arguments]
    return [*lines.before, "    ".join(filter(None, words)), *lines.then, "Get Fault Hits    ${fault}    >=    1    within=5s", *lines.last]


def _usual(state: str, kind: str) -> _Recipe:
    if KINDS[kind].point != "stream" and kind != "wrong-content-type":
        return _Recipe(_WORKERS[state], "worker-1", (_ASK.format(program="worker-1"),))
    if state == "idle":  # while a stream passes through it, a queen is idle, but no worker is
        return _Recipe(("Start Fleet    workers=1",), "queen", ("Submit Inference    hello",))
    begin, *rest = _WORKERS[state]
    return _Recipe((begin,), "worker-1", tuple(rest))


def _while_ending(kind: str) -> dict[tuple[str, str], _Recipe]:
    """A worker that its hive asks to end, and that has to be ended otherwise."""
    return {(state, kind): _Recipe(lines, "worker-1", ("Terminate    hive",), ("Kill    worker-1",)) for state, lines in _WORKERS_OF_A_HIVE.items()}


_DOWNLOAD = _Recipe(("Start Model Hub", "Start Fleet"), "hub", ("Submit Inference    hello    model=hf:TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF",))
_NEW_WORKER = _Recipe(("Start Fleet",), "worker-1", (_START,))
_MINUTE = ("Advance Time    1 min",)
_SPECIAL: dict[tuple[str, str], _Recipe] = {
    **{("starting", kind): _NEW_WORKER for kind in ("exit", "kill-at-start", "early-callback", "leave-listener")},
    ("starting", "skip-model-check"): _Recipe((), "worker-1", (f"{_ALONE}    model=${{SUITE SOURCE}}",)),
    ("starting", "never-ready"): _Recipe(("Start Fleet",), "worker-1", ("Start Worker    until=loading",)),
    ("loading", "exit"): _Recipe((), "worker-1", (f"{_START}    hive=None    load_time=320ms",)),
    ("loading", "stick"): _Recipe((), "worker-1", (f"{_ALONE}    load_time=320ms    until=loading",)),
    **{("idle", kind): _NEW_WORKER for kind in ("lost-callback", "double-callback", "late-callback")},
    ("idle", "lost-heartbeat"): _Recipe(("Start Fleet    workers=1    heartbeat=30s",), "worker-1", _MINUTE),
    ("busy", "lost-heartbeat"): _Recipe(("Start Fleet    workers=1    heartbeat=30s    token_delay=1h", _SLOWLY, _FIRST), "worker-1", _MINUTE),
    **_while_ending("silent-shutdown"),
    **_while_ending("ignore-shutdown"),
    **{(state, "ignore-sigterm"): _Recipe(lines, "worker-1", ("Terminate    worker-1",), ("Kill    worker-1",)) for state, lines in _WORKERS.items()},
    ("draining", "slow-end"): _Recipe(_WORKERS["busy"], "worker-1", ("Terminate    worker-1",)),
    ("draining", "hasty-end"): _Recipe(_WORKERS_OF_A_HIVE["busy"], "hive", ("Terminate    hive",), ("Kill    worker-1",)),
    ("loading", "premature-ready"): _Recipe(_WORKERS_OF_A_HIVE["loading"], "worker-1", ("Submit Inference    hello",)),
    ("busy", "overbook"): _Recipe(_WORKERS["busy"], "worker-1", ("Submit Inference    hello    to=worker-1",)),
    ("draining", "accept-while-draining"): _Recipe(_WORKERS["draining"], "worker-1", ("Submit Inference    hello    to=worker-1",)),
    ("idle", "swallow-cancel"): _Recipe((_SLOW_FLEET, _THROUGH_THE_QUEEN, _FIRST), "queen", ("Cancel Inference    ${answer}",)),
    ("idle", "silent-removal"): _Recipe(("Start Fleet    workers=1",), "hive", ("Kill    worker-1",)),
    ("idle", "slow-sweep"): _Recipe(
        ("${queen} =    Start Queen", f"{_ALONE}    queen_url=${{queen.url}}    heartbeat=30s", _HEARD, "Kill    worker-1"),
        "queen",
        ("Advance Time    3 min",),
    ),
    ("idle", "changed-etag"): _DOWNLOAD,
    ("idle", "huge-length"): _DOWNLOAD,
    ("idle", "spawn-fails"): _Recipe(("Start Fleet",), "hive", (_START,)),
    ("idle", "wrong-version"): _Recipe(("Start Fleet",), "hive", (_ASK.format(program="hive"),)),
    ("draining", "wrong-version"): _Recipe((_SLOW_FLEET, _SLOWLY, _FIRST, "Terminate    hive"), "hive", (_ASK.format(program="hive"),)),
    ("idle", "mend-stream"): _Recipe((_SLOW_FLEET,), "queen", (_THROUGH_THE_QUEEN, _FIRST, "Kill    worker-1")),
    ("draining", "mend-stream"): _Recipe((_SLOW_FLEET,), "queen", (_THROUGH_THE_QUEEN, _FIRST, "Terminate    queen", "Kill    worker-1")),
}

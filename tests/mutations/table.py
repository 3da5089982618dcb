"""The mutations: what is broken, by which patch, and which test has to notice."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """One broken behaviour.

    Args:
        name: what is broken.
        file: below RbeeLibrary/.
        old: text that stands there exactly once.
        new: what replaces it.
        suite: suite below the project's root.
        test: the test that must fail.
    """

    name: str
    file: str
    old: str
    new: str
    suite: str
    test: str


STREAMING = "suites/inference/streaming.robot"
SLOTS = "suites/inference/slots.robot"
CANCELLATION = "suites/inference/cancellation.robot"
FAILURES = "suites/failures/worker_failures.robot"
STOP = "suites/shutdown/graceful_stop.robot"
LOADING = "suites/loading/loading_worker.robot"
STARTUP = "suites/startup/worker_startup.robot"
ROUTING = "suites/routing/registry_check.robot"
PORTS = "suites/ports/ports.robot"
KEYS = "suites/security/keys.robot"
INPUT = "suites/input/bad_input.robot"
TIME = "suites/time/advance_time.robot"
HEALTH = "suites/health/health_checks.robot"
IDLE = "suites/health/idle_timeout.robot"
LOADING_LIMIT = "suites/loading/loading_limit.robot"
UNREACHABLE = "suites/preflight/unreachable_hive.robot"
DEATH = "suites/failures/death_mid_stream.robot"
JOURNAL = "suites/routing/journal.robot"

MUTATIONS = [
    Mutation(
        "a token too few",
        "fakes/worker.py",
        "asked.seed, asked.max_tokens)",
        "asked.seed, asked.max_tokens - 1)",
        STREAMING,
        "Twenty Tokens Are Streamed One By One",
    ),
    Mutation(
        "tokens all at once",
        "fakes/worker.py",
        "            if due > self.clock.now():\n",
        "            if False:\n",
        STREAMING,
        "Twenty Tokens Are Streamed One By One",
    ),
    Mutation("text does not depend on the seed", "protocol/tokens.py", r"\0{seed}\0", r"\0{42}\0", STREAMING, "Same Prompt And Seed Give The Same Text"),
    Mutation("index counts from one", "fakes/token_events.py", '"index": index', '"index": index + 1', STREAMING, "Indexed Shape Counts Its Tokens"),
    Mutation(
        "end event forgotten",
        "fakes/token_events.py",
        "        yield sse.event(event)\n",
        "        yield from ()\n",
        STREAMING,
        "Typed Shape Begins And Ends With An Event",
    ),
    Mutation(
        "headers wait for the first token",
        "fakes/worker.py",
        "            yield sse.COMMENT  #",
        "            yield b''  #",
        STREAMING,
        "First Token May Take Longer",
    ),
    Mutation(
        "state stuck at busy",
        "fakes/worker.py",
        'self.set_state("idle" if self._available() else "busy")',
        'self.set_state("busy")',
        STREAMING,
        "Twenty Tokens Are Streamed One By One",
    ),
    Mutation("slot never freed", "fakes/worker.py", "            del self._running[inference.id]\n", "", SLOTS, "Freed Slot Is Given To The Next Request"),
    Mutation(
        "one request more than slots",
        "fakes/worker.py",
        "if len(self._running) >= self.options.slots:",
        "if len(self._running) > self.options.slots:",
        SLOTS,
        "Last Slot Goes To Exactly One Request",
    ),
    Mutation("busy answered with 429", "protocol/errors.py", '"ALL_SLOTS_BUSY": 503', '"ALL_SLOTS_BUSY": 429', SLOTS, "Busy Worker Refuses The Next Request"),
    Mutation(
        "list shows the last known state",
        "fakes/hive.py",
        '        row.state = said.get("state", row.state)\n',
        "",
        SLOTS,
        "Health And List Answer While All Slots Are Busy",
    ),
    Mutation(
        "DELETE ignored",
        "fakes/worker.py",
        "            inference.cancel()\n            self._free_slot(inference)\n",
        "            pass\n",
        CANCELLATION,
        "Delete Ends The Stream And Frees The Slot",
    ),
    Mutation(
        "cancelled stream waits for its next token",
        "fakes/worker.py",
        "        self.cancelled = True\n        self.stream.wake.set()\n",
        "        self.cancelled = True\n",
        CANCELLATION,
        "Delete Ends A Silent Stream",
    ),
    Mutation(
        "client that left is noticed at the next write",
        "fakes/server.py",
        "        for listener in listeners:\n",
        "        for listener in ():\n",
        CANCELLATION,
        "Client That Leaves A Silent Stream Is Noticed",
    ),
    Mutation(
        "queen keeps reading for nobody",
        "fakes/queen.py",
        "        request.stream.on_gone(stream.cut)\n        headers",
        "        headers",
        CANCELLATION,
        "Client Of The Queen That Leaves Frees The Worker",
    ),
    Mutation(
        "queen keeps a DELETE to itself",
        "fakes/queen.py",
        "            if task.worker is not None:\n",
        "            if False:\n",
        CANCELLATION,
        "Delete At The Queen Reaches The Worker",
    ),
    Mutation(
        "slot freed twice",
        "fakes/worker.py",
        '0 if self.state == "loading" else self.options.slots - len(self._running)',
        "self.options.slots + 1 - len(self._running)",
        CANCELLATION,
        "Cancelling Twice Is Harmless",
    ),
    Mutation(
        "crash not noticed",
        "fakes/hive_workers.py",
        "        self._drop(row)\n        self._hive.journal",
        "        self._hive.journal",
        FAILURES,
        "Killed Worker Breaks The Stream And Leaves The List",
    ),
    Mutation(
        "queen not told of a crash",
        "fakes/hive_workers.py",
        "        self._on_removed(row, reason)\n",
        "",
        FAILURES,
        "Killed Worker Breaks The Stream And Leaves The List",
    ),
    Mutation(
        "broken stream passed on as complete",
        "fakes/queen.py",
        "            raise Abort from error\n\n    def task_progress",
        "            yield sse.DONE\n\n    def task_progress",
        FAILURES,
        "Killed Worker Breaks The Stream Of The Queen",
    ),
    Mutation(
        "failed start answered with 200",
        "fakes/hive_workers.py",
        "        raise self._crashed(row, child)\n\n    def _await_end",
        "        return\n\n    def _await_end",
        FAILURES,
        "Worker That Cannot Start Is Reported With Its Exit Code",
    ),
    Mutation(
        "frozen worker holds up the list",
        "fakes/hive.py",
        "limit = self.options.list_probe_timeout",
        "limit = 5.0",
        FAILURES,
        "Frozen Worker Does Not Hold Up The List",
    ),
    Mutation(
        "cascade skips one worker",
        "fakes/hive.py",
        "        self._together(end, rows)\n",
        "        self._together(end, rows[1:])\n",
        STOP,
        "SIGTERM To The Hive Ends All Workers",
    ),
    Mutation(
        "hive does not wait for its workers",
        "fakes/hive.py",
        "        self._together(end, rows)\n",
        "        for row in rows:\n            self._ask_to_end(row, 1)\n",
        STOP,
        "Workers Are Gone Before Their Hive",
    ),
    Mutation("queen leaves its hives alone", "fakes/queen.py", "        self._hives.end_all()\n", "", STOP, "SIGTERM To The Queen Takes Everything Down"),
    Mutation(
        "SIGTERM ends with another code",
        "fakes/service.py",
        "        exit_now(0)\n\n    def _live",
        "        exit_now(3)\n\n    def _live",
        STOP,
        "SIGTERM To The Hive Ends All Workers",
    ),
    Mutation(
        "running stream cut by SIGTERM",
        "fakes/worker.py",
        '            if not self.clock.wait(drained, self.clock.now() + self.options.drain, "drain"):',
        "            if True:",
        STOP,
        "SIGTERM Lets A Running Stream Finish",
    ),
    Mutation(
        "draining worker takes requests",
        "fakes/worker.py",
        'if self.state in ("loading", "draining", "starting"):',
        'if self.state in ("loading", "starting"):',
        STOP,
        "SIGTERM Lets A Running Stream Finish",
    ),
    Mutation(
        "drain never ends",
        "fakes/worker.py",
        "                    inference.stop()\n",
        "                    pass\n                threading.Event().wait()\n",
        STOP,
        "Running Stream Is Cut When The Drain Time Is Over",
    ),
    Mutation(
        "second signal ignored", "fakes/service.py", '            if what.startswith("SIG"):', "            if False:", STOP, "Second Signal Ends The Waiting"
    ),
    Mutation(
        "deaf worker never killed",
        "fakes/hive.py",
        "        row.child.signal(signal.SIGKILL)\n",
        "        pass\n",
        STOP,
        "Deaf Worker Is Killed After Its Grace Period",
    ),
    Mutation(
        "loading event missing",
        "fakes/worker.py",
        "if stuck or layer % self.options.layer_step == 0 and layer < self.options.layers:",
        "if layer == self.options.layer_step:",
        LOADING,
        "Loading Progress Is Streamed",
    ),
    Mutation(
        "ready while loading",
        "fakes/worker.py",
        '        if self.state == "loading":\n            return {"ready": False',
        '        if self.state == "never":\n            return {"ready": False',
        LOADING,
        "Loading Worker Says Where To Look",
    ),
    Mutation(
        "loading worker takes requests",
        "fakes/worker.py",
        'if self.state in ("loading", "draining", "starting"):',
        'if self.state in ("draining", "starting"):',
        LOADING,
        "Loading Worker Refuses Inference",
    ),
    Mutation(
        "callback before listening",
        "fakes/service.py",
        "        self._server.start()\n",
        "        self.started()\n        threading.Event().wait(5)\n        self._server.start()\n",
        STARTUP,
        "Worker Serves Before It Calls Back",
    ),
    Mutation(
        "callback lacks the device",
        "fakes/worker.py",
        "options.backend, options.device, options.slots, self._available())",
        "options.backend, 0, options.slots, self._available())",
        STARTUP,
        "Ready Callback Updates Hive And Queen",
    ),
    Mutation(
        "backend of the request ignored",
        "fakes/hive_workers.py",
        '"backend": row.backend,\n                        "device"',
        '"backend": "cpu",\n                        "device"',
        STARTUP,
        "Spawned Worker Shows Its Flags In The Process Table",
    ),
    Mutation(
        "key shown by ps",
        "fakes/hive_workers.py",
        "MASK if options.api_key else None",
        "options.api_key",
        STARTUP,
        "Spawned Worker Shows Its Flags In The Process Table",
    ),
    Mutation(
        "idle worker not used again",
        "fakes/client.py",
        "        row = best_row(rows, wanted)\n",
        "        row = None\n",
        ROUTING,
        "Idle Worker For The Model Is Used At Once",
    ),
    Mutation("any model will do", "fakes/client.py", 'row.get("model_ref") == wanted.model', "True", ROUTING, "Worker With Another Model Is Not Used"),
    Mutation(
        "version not compared",
        "fakes/client.py",
        "        if version != self._version:\n",
        "        if False:\n",
        ROUTING,
        "Hive Of Another Version Is Not Used",
    ),
    Mutation(
        "no health check before a spawn",
        "fakes/client.py",
        'health = self._object("GET", f"{hive_url}/v1/health", limit=self._limits.hive)',
        'health = {"version": self._version}',
        ROUTING,
        "Empty Worker List Leads To Preflight",
    ),
    Mutation(
        "unknown node becomes a known one",
        "fakes/queen_hives.py",
        "        if url is None:\n",
        "        if url is None and self._urls:\n            return next(iter(self._urls.values()))\n        if url is None:\n",
        ROUTING,
        "Task For An Unknown Node Is Refused",
    ),
    Mutation(
        "status of a worker not passed on",
        "fakes/client.py",
        "            raise PassedOn(answer.status, body)",
        "            raise PassedOn(500, body)",
        ROUTING,
        "Busy Worker For The Model Is Still Asked",
    ),
    Mutation(
        "port by number of workers",
        "fakes/hive_workers.py",
        "order = list(range(low, high + 1))",
        "order = [low + len(self._rows)]",
        PORTS,
        "Spawn Takes The Next Port",
    ),
    Mutation(
        "port of the request ignored",
        "fakes/hive_workers.py",
        "        if wanted is not None:\n            order",
        "        if False:\n            order",
        PORTS,
        "Port Asked For In The Request Gives Way To The Next Free One",
    ),
    Mutation("wrong key accepted", "fakes/front.py", "        if key and not hmac", "        if False and not hmac", KEYS, "Wrong Key Is Refused"),
    Mutation("body over the limit taken", "fakes/front.py", "        if len(data) > BODY_LIMIT:", "        if False:", INPUT, "Two Megabytes"),
    Mutation(
        "ill-typed field taken",
        "protocol/messages.py",
        '        if not isinstance(value, self.kind):\n            return "type"\n',
        "",
        INPUT,
        "Prompt Is A Number",
    ),
    Mutation(
        "used worker id taken again",
        "fakes/hive_workers.py",
        "            if worker_id in self._rows:\n",
        "            if False:\n",
        INPUT,
        "Worker Id That Is Used",
    ),
    # --- time ---
    Mutation(
        "health checks 31 s apart",
        "fakes/hive.py",
        "self.every(options.health_interval, self._check_health",
        "self.every(options.health_interval + 1, self._check_health",
        TIME,
        "Five Minutes Are Ten Health Checks",
    ),
    Mutation(
        "health check counts as activity",
        "fakes/worker.py",
        '        return {"status": "healthy", "state": self.state}',
        '        self._note_activity()\n        return {"status": "healthy", "state": self.state}',
        TIME,
        "Five Minutes Are Ten Health Checks",
    ),
    Mutation(
        "callback repeated after 1, 1 and 1 s",
        "fakes/worker_callbacks.py",
        'pauses[attempt], "callback-retry"',
        'pauses[0], "callback-retry"',
        TIME,
        "Timers Fire In Their Order",
    ),
    Mutation(
        "clock cannot be held",
        "run/coordinator.py",
        "self._page.set(self._page.now(), rate)",
        "self._page.set(self._page.now(), rate or 1)",
        TIME,
        "Held Clock Stands Still",
    ),
    Mutation(
        "stop waits for a held clock",
        "keywords/context.py",
        "            self.coordinator.set_rate(1)\n",
        "            pass\n",
        TIME,
        "Stop Lets The Clock Go On",
    ),
    Mutation(
        "idle worker ends a second late",
        "fakes/hive.py",
        "self._idle_time(row) >= self.options.idle_timeout",
        "self._idle_time(row) >= self.options.idle_timeout + 1",
        IDLE,
        "Idle Worker Is Shut Down After Five Minutes",
    ),
    Mutation("idle worker ends a second early", "fakes/hive.py", "_FINEST = 1e-6", "_FINEST = 1.5", IDLE, "Idle Worker Is Shut Down After Five Minutes"),
    Mutation(
        "inference is no activity",
        "fakes/worker.py",
        "        self._last_activity = self.clock.wall()\n        if self.state in",
        "        if self.state in",
        IDLE,
        "Inference Begins The Five Minutes Anew",
    ),
    Mutation(
        "busy worker is ended",
        "fakes/hive.py",
        '        if row.state == "idle" and row.slots_available == row.slots_total and self',
        "        if self",
        IDLE,
        "Busy Worker Is Not Idle",
    ),
    Mutation(
        "two misses are enough",
        "fakes/hive.py",
        "        if row.misses >= self.options.health_misses:",
        "        if row.misses >= self.options.health_misses - 1:",
        HEALTH,
        "Silent Worker Is Removed After Three Misses",
    ),
    Mutation(
        "misses are never wiped out",
        "fakes/hive.py",
        "row.last_health, row.misses = self.clock.now(), 0",
        "row.last_health = self.clock.now()",
        HEALTH,
        "One Good Look Wipes The Misses Out",
    ),
    Mutation(
        "queen looks every second",
        "fakes/client.py",
        "due = max(due + self._limits.ready_poll,",
        "due = max(due + self._limits.ready_poll / 2,",
        LOADING_LIMIT,
        "Queen Looks Every Two Seconds",
    ),
    Mutation(
        "two connection attempts",
        "fakes/client.py",
        "for attempt, pause in enumerate(pauses, 1):",
        "for attempt, pause in enumerate(pauses[:2], 1):",
        UNREACHABLE,
        "Host That Does Not Answer Is Tried Three Times",
    ),
    Mutation(
        "drained for 20 s only",
        "fakes/worker.py",
        'self.options.drain, "drain"',
        'self.options.drain - 10, "drain"',
        STOP,
        "Running Stream Is Cut When The Drain Time Is Over",
    ),
    Mutation(
        "acknowledgement awaited for 3 s only",
        "fakes/hive.py",
        "min(self.options.shutdown_ack, max",
        "min(3, max",
        STOP,
        "Deaf Worker Is Killed After Its Grace Period",
    ),
    Mutation(
        "signal of a death is lost",
        "fakes/hive_workers.py",
        '"signal": -code if code < 0 else None}',
        '"signal": None}',
        DEATH,
        "Death At Token Twelve Is Told In Its Order",
    ),
    Mutation(
        "signals are not in the journal",
        "fakes/service.py",
        '                    self.journal.record("signal", signal=why)\n',
        "",
        JOURNAL,
        "Whole Life Of A Worker Is In The Journal",
    ),
]

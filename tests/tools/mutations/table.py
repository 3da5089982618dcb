"""The mutations: what is broken, and which test has to notice. The generator of mutants makes the simple ones; the others are patches."""

import json
from dataclasses import dataclass

from mutants.generator import mutants_of, mutated_source
from running import ROOT


@dataclass(frozen=True)
class Mutation:
    """One broken behaviour.

    Args:
        name: what is broken.
        file: below RbeeLibrary/.
        old: text that stands there exactly once.
        new: what replaces it.
        suite: suite below the project's root, or a file of tests in Python.
        test: the test that must fail.
    """

    name: str
    file: str
    old: str
    new: str
    suite: str
    test: str

    def source(self) -> str:
        """The file with the behaviour broken.

        Raises:
            ValueError: the text does not stand in it exactly once.
        """
        text = (ROOT / "RbeeLibrary" / self.file).read_text()
        if (found := text.count(self.old)) != 1:
            raise ValueError(f"mutation {self.name!r}: its text stands {found} times in {self.file}, expected once")
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class GeneratedMutation:
    """One behaviour that a mutant of the generator breaks.

    Args:
        name: what is broken.
        mutant: name of the mutant; its number may have changed since.
        before: changed source.
        after: what it becomes.
        suite: suite below the project's root, or a file of tests in Python.
        test: the test that must fail.
    """

    name: str
    mutant: str
    before: str
    after: str
    suite: str
    test: str

    @property
    def file(self) -> str:
        """Below RbeeLibrary/."""
        return self.mutant.partition("::")[0]

    def source(self) -> str:
        """The file with the behaviour broken.

        Raises:
            ValueError: the function does not have this text any more.
        """
        kind = self.mutant.rpartition("#")[0]
        same = [one for one in mutants_of(self.file) if one.name.startswith(f"{kind}#") and (one.before, one.after) == (self.before, self.after)]
        if not same:
            raise ValueError(f"mutation {self.name!r}: there is no mutant {kind} that makes {self.after!r} of {self.before!r}")
        return mutated_source(next((one for one in same if one.name == self.mutant), same[0]))


def generated() -> list[GeneratedMutation]:
    """Those of tests/data/mutants/behaviours.json."""
    rows = json.loads((ROOT / "tests/data/mutants/behaviours.json").read_text())
    return [GeneratedMutation(row["behaviour"], row["name"], row["before"], row["after"], *row["test"].split("::", 1)) for row in rows]


STREAMING = "suites/inference/streaming.robot"
SLOTS = "suites/inference/slots.robot"
CANCELLATION = "suites/inference/cancellation.robot"
FAILURES = "suites/lifecycle/worker_failures.robot"
STOP = "suites/lifecycle/graceful_stop.robot"
LOADING = "suites/lifecycle/model_loading.robot"
STARTUP = "suites/lifecycle/worker_startup.robot"
ROUTING = "suites/inference/worker_choice.robot"
PORTS = "suites/lifecycle/ports.robot"
KEYS = "suites/contract/api_keys.robot"
INPUT = "suites/contract/bad_input.robot"
TIME = "suites/lifecycle/advance_time.robot"
HEALTH = "suites/lifecycle/health_checks.robot"
FLEET_RULES = "suites/faults/fleet_rules.robot"
IDLE = "suites/lifecycle/idle_timeout.robot"
LOADING_LIMIT = "suites/lifecycle/loading_limit.robot"
UNREACHABLE = "suites/nodes/unreachable_hive.robot"
DEATH = "suites/inference/death_mid_stream.robot"
DOWNLOAD = "suites/provisioning/download.robot"
CATALOG = "suites/provisioning/catalog.robot"
GGUF = "suites/provisioning/gguf.robot"
FITS = "suites/provisioning/model_fits.robot"
REGISTRATION = "suites/nodes/registration.robot"
OVER_SSH = "suites/nodes/hive_over_ssh.robot"
LINES = "suites/faults/lines.robot"
CHAOS = "suites/faults/chaos_rules.robot"
CONVERGENCE = "suites/lifecycle/registrations_converge.robot"
REAL = "tests/integration/test_real_programs.py"
WIRE = "tests/integration/test_wire.py"
SCARCITY = "tests/integration/test_resource_exhaustion.py"
EVERYWHERE = "tests/integration/test_leftovers_of_all_programs.py"
SECURITY = "tests/integration/test_security.py"
SECRETS = "tests/integration/test_secrets.py"
SSH_WORDS = "tests/integration/test_ssh_arguments.py"
K_SETUP = "suites/keeper/setup_nodes.robot"
K_INFER = "suites/keeper/infer.robot"
K_BUSY = "suites/keeper/busy_worker.robot"
K_BROKEN = "suites/keeper/broken_stream.robot"
K_EXPLAINED = "suites/keeper/explained_failures.robot"
K_MODES = "suites/keeper/ephemeral_daemons.robot"
K_FILES = "suites/keeper/install_and_config.robot"
REGISTRY = "suites/lifecycle/worker_registry.robot"

MUTATIONS = [
    Mutation(
        "a token too few",
        "fakes/worker/scripted_answers.py",
        "inference_request.seed, max_tokens)",
        "inference_request.seed, max_tokens - 1)",
        STREAMING,
        "Twenty Tokens Are Streamed One By One",
    ),
    Mutation("text does not depend on the seed", "protocol/tokens.py", r"\0{seed}\0", r"\0{42}\0", STREAMING, "Same Prompt And Seed Give The Same Text"),
    Mutation("index counts from one", "fakes/worker/token_events.py", '"index": index', '"index": index + 1', STREAMING, "Indexed Shape Counts Its Tokens"),
    Mutation(
        "end event forgotten",
        "fakes/worker/token_events.py",
        "        yield sse.event(event)\n",
        "        yield from ()\n",
        STREAMING,
        "Typed Shape Begins And Ends With An Event",
    ),
    Mutation(
        "headers wait for the first token",
        "fakes/worker/worker.py",
        "            yield sse.COMMENT  #",
        "            yield b''  #",
        STREAMING,
        "First Token May Take Longer",
    ),
    Mutation(
        "slot never freed", "fakes/worker/worker.py", "            del self._running[inference.id]\n", "", SLOTS, "Freed Slot Is Given To The Next Request"
    ),
    Mutation(
        "busy answered with 429", "protocol/error_codes.py", '"ALL_SLOTS_BUSY": 503', '"ALL_SLOTS_BUSY": 429', SLOTS, "Busy Worker Refuses The Next Request"
    ),
    Mutation(
        "DELETE ignored",
        "fakes/worker/worker.py",
        "            inference.cancel()\n            self._free_slot(inference)\n",
        "            pass\n",
        CANCELLATION,
        "Delete Ends The Stream And Frees The Slot",
    ),
    Mutation(
        "client that left is noticed at the next write",
        "fakes/runtime/http_server.py",
        "        for listener in listeners:\n",
        "        for listener in ():\n",
        CANCELLATION,
        "Client That Leaves A Silent Stream Is Noticed",
    ),
    Mutation(
        "slot freed twice",
        "fakes/worker/worker.py",
        '0 if self.state == "loading" else max(0, self.options.slots - len(self._running))',
        "self.options.slots + 1 - len(self._running)",
        CANCELLATION,
        "Cancelling Twice Is Harmless",
    ),
    Mutation(
        "broken stream passed on as complete",
        "fakes/queen/queen.py",
        "            raise Abort from error\n\n    def task_progress",
        "            yield sse.DONE\n\n    def task_progress",
        FAILURES,
        "Killed Worker Breaks The Stream Of The Queen",
    ),
    Mutation(
        "failed start answered with 200",
        "fakes/hive/workers.py",
        "        if timer.fired:\n            raise RbeeError",
        "        if not timer.fired:\n            return\n        if timer.fired:\n            raise RbeeError",
        FAILURES,
        "Worker That Cannot Start Is Reported With Its Exit Code",
    ),
    Mutation(
        "frozen worker holds up the list",
        "fakes/hive/hive.py",
        "limit = self.options.list_probe_timeout",
        "limit = 5.0",
        FAILURES,
        "Frozen Worker Does Not Hold Up The List",
    ),
    Mutation(
        "cascade skips one worker",
        "fakes/hive/hive.py",
        "        self._together(end, rows)\n",
        "        self._together(end, rows[1:])\n",
        STOP,
        "SIGTERM To The Hive Ends All Workers",
    ),
    Mutation(
        "hive does not wait for its workers",
        "fakes/hive/hive.py",
        "        self._together(end, rows)\n",
        "        for row in rows:\n            self.workers._request_shutdown(row, 1)\n",
        STOP,
        "Workers Are Gone Before Their Hive",
    ),
    Mutation(
        "SIGTERM ends with another code",
        "fakes/runtime/service.py",
        "        exit_now(0)\n\n    def _await_end",
        "        exit_now(3)\n\n    def _await_end",
        STOP,
        "SIGTERM To The Hive Ends All Workers",
    ),
    Mutation(
        "draining worker takes requests",
        "fakes/worker/worker.py",
        'or (self.state == "draining" and self.faults',
        'or (self.state == "never" and self.faults',
        STOP,
        "Shutdown Request Lets A Running Stream Finish",
    ),
    Mutation(
        "drain never ends",
        "fakes/worker/worker.py",
        "                    inference.stop()\n",
        "                    pass\n                threading.Event().wait()\n",
        STOP,
        "Running Stream Is Cut When The Drain Time Is Over",
    ),
    Mutation(
        "loading event missing",
        "fakes/worker/worker.py",
        "if stuck or layer % self.options.layer_step == 0 and layer < self.options.layers:",
        "if layer == self.options.layer_step:",
        LOADING,
        "Loading Progress Is Streamed",
    ),
    Mutation(
        "ready while loading",
        "fakes/worker/worker.py",
        '        if self.state == "loading" and self.faults',
        '        if self.state == "never" and self.faults',
        LOADING,
        "Loading Worker Says Where To Look",
    ),
    Mutation(
        "loading worker takes requests",
        "fakes/worker/worker.py",
        'if self.state in ("loading", "starting") or',
        'if self.state == "starting" or',
        LOADING,
        "Loading Worker Refuses Inference",
    ),
    Mutation(
        "callback before listening",
        "fakes/runtime/service.py",
        "        self._server.start()\n",
        "        self.started()\n        threading.Event().wait(5)\n        self._server.start()\n",
        STARTUP,
        "Worker Serves Before It Calls Back",
    ),
    Mutation(
        "callback lacks the device",
        "fakes/worker/worker.py",
        "options.backend, options.device, options.slots, available)",
        "options.backend, 0, options.slots, available)",
        STARTUP,
        "Ready Callback Updates Hive And Queen",
    ),
    Mutation(
        "backend of the request ignored",
        "fakes/hive/workers.py",
        '"backend": row.backend,\n                        "device"',
        '"backend": "cpu",\n                        "device"',
        STARTUP,
        "Spawned Worker Shows Its Flags In The Process Table",
    ),
    Mutation(
        "key shown by ps",
        "fakes/hive/workers.py",
        "MASK if options.api_key else None",
        "options.api_key",
        STARTUP,
        "Spawned Worker Shows Its Flags In The Process Table",
    ),
    Mutation(
        "program whose journal is lost ends as if all were well",
        "fakes/runtime/program.py",
        "        os._exit(1)\n",
        "        os._exit(0)\n",
        SCARCITY,
        "test_program_whose_journal_has_no_room_ends_and_says_so[queen]",
    ),
    Mutation(
        "import fails where the output folder cannot be used",
        "session/run.py",
        "        with contextlib.suppress(NoRun):\n            _ = self.supervisor\n",
        "        _ = self.supervisor\n",
        SCARCITY,
        "test_output_folder_that_cannot_be_used_fails_the_tests_that_need_it[a file]",
    ),
    Mutation(
        "sockets go to a folder whose path is too long",
        "run/socket_folder.py",
        "        if len(os.fsencode(folder)) + _ROOM_FOR_NAMES <= _LONGEST:\n",
        "        if folder:\n",
        SCARCITY,
        "test_temporary_folder_that_cannot_be_used_is_done_without[too long]",
    ),
    Mutation(
        "nursery dies when descriptors run out",
        "fleet/nursery.py",
        "            except (OSError, OverflowError) as error:\n                for fd in pipe:",
        "            except OverflowError as error:\n                for fd in pipe:",
        SCARCITY,
        "test_sixty_four_descriptors_are_enough_for_a_small_fleet_and_explained_where_not",
    ),
    Mutation(
        "end of the parent is told by SIGTERM, several times",
        "fakes/runtime/service.py",
        "            if os.getppid() != parent:\n                self._events.put((_PARENT_GONE, 0))\n",
        '            self._events.put(("SIGTERM", 15))\n            self._events.put(("SIGTERM", 15))\n',
        EVERYWHERE,
        "test_killed_keeper_leaves_neither_its_hive_nor_its_queen",
    ),
    Mutation(
        "warden leaves what never registered",
        "fleet/warden.py",
        "    end_children()\n    for _ in range(_SWEEPS):\n",
        "    for _ in range(0):\n",
        EVERYWHERE,
        "test_sudden_end_leaves_nothing[scripted-kill_both-keeper]",
    ),
    Mutation(
        "every address counts as loopback",
        "run/tcp_ports.py",
        "        return ipaddress.ip_address(host).is_loopback\n",
        "        return bool(ipaddress.ip_address(host))\n",
        SECURITY,
        "test_loopback_is_told_from_the_rest",
    ),
    Mutation(
        "key compared by ==",
        "fakes/hub/hub.py",
        'hmac.compare_digest(authorization.encode(), f"Bearer {self.options.token}".encode())',
        'authorization == f"Bearer {self.options.token}"',
        SECURITY,
        "test_nothing_but_compare_digest_compares_a_secret",
    ),
    Mutation(
        "route open to everybody",
        "fakes/worker/worker.py",
        '        self.route("GET", "/v1/status", self.status, at_once=True)\n',
        '        self.route("GET", "/v1/status", self.status, protected=False, at_once=True)\n',
        SECURITY,
        "test_every_route_but_the_open_ones_needs_the_key[worker]",
    ),
    Mutation(
        "route that the contract does not know",
        "protocol/schema/routes.py",
        '"Reports whether the queen is healthy.", "4.2", {200: a.Well}, aliases=("/v1/health",)',
        '"Reports whether the queen is healthy.", "4.2", {200: a.Well}, aliases=("/v1/health", "/v1/healthz")',
        SECURITY,
        "test_routes_are_those_of_the_contract[queen]",
    ),
    Mutation(
        "command given to a shell",
        "fakes/keeper/installation.py",
        'subprocess.run(["ssh", host, command], stdin',
        'subprocess.run(f"ssh {host} {command}", shell=True, stdin',
        SECURITY,
        "test_no_shell_runs_but_that_of_the_fake_ssh[fakes/keeper/installation.py]",
    ),
    Mutation(
        "key in the argv of ssh",
        "fakes/queen/hives.py",
        '"IFS= read -r RBEE_API_KEY; export RBEE_API_KEY; " if self._key else ""',
        'f"RBEE_API_KEY={self._key}; export RBEE_API_KEY; " if self._key else ""',
        SECRETS,
        "test_keys_are_nowhere_and_files_are_for_their_owner_only[scripted]",
    ),
    Mutation(
        "ssh gets the keys of the queen",
        "fakes/queen/ssh_call.py",
        " if name not in _SECRETS}",
        "}",
        SECRETS,
        "test_keys_are_nowhere_and_files_are_for_their_owner_only[scripted]",
    ),
    Mutation(
        "key of a keeper in its command line",
        "session/programs/starter.py",
        "        words, keys = take_secrets(arguments, KeeperOptions)\n",
        "        words, keys = arguments, {}\n",
        SECRETS,
        "test_key_that_a_test_types_is_in_robots_own_files_only",
    ),
    Mutation(
        "programs write for everybody",
        "fleet/warden.py",
        "    os.umask(0o077)",
        "    os.umask(0)",
        SECRETS,
        "test_keys_are_nowhere_and_files_are_for_their_owner_only[scripted]",
    ),
    Mutation(
        "words trimmed on their way through ssh",
        "fakes/ssh/ssh.py",
        '        command = " ".join(self._take_options(words))',
        '        command = " ".join(word.strip() for word in self._take_options(words))',
        SSH_WORDS,
        "test_scripted_ssh_passes_the_words_on",
    ),
    Mutation(
        "options behind the host are part of the command",
        "fakes/ssh/ssh.py",
        '        command = " ".join(self._take_options(words))',
        '        command = " ".join(words)',
        SSH_WORDS,
        "test_options_behind_the_host_are_those_of_ssh",
    ),
    Mutation("any model will do", "fakes/rbee_client.py", 'row.get("model_ref") == wanted.model', "True", ROUTING, "Worker With Another Model Is Not Used"),
    Mutation(
        "no health check before a spawn",
        "fakes/rbee_client.py",
        'health = self.object("GET", f"{hive_url}/v1/health", limit=self._limits.hive)',
        'health = {"version": self._version}',
        ROUTING,
        "Empty Worker List Leads To Preflight",
    ),
    Mutation(
        "unknown node becomes a known one",
        "fakes/queen/hives.py",
        "        if row is None:\n            raise self.unknown(node)\n",
        "        if row is None and self._urls:\n            return [*self._urls.values()][0]\n        if row is None:\n            raise self.unknown(node)\n",
        ROUTING,
        "Task For An Unknown Node Is Refused",
    ),
    Mutation(
        "status of a worker not passed on",
        "fakes/rbee_client.py",
        "        return PassedOn(answer.status, body)",
        "        return PassedOn(500, body)",
        ROUTING,
        "Busy Worker For The Model Is Still Asked",
    ),
    Mutation(
        "port by number of workers",
        "fakes/hive/workers.py",
        "order = list(range(low, high + 1))",
        "order = [low + len(self._rows)]",
        PORTS,
        "Spawn Takes The Next Port",
    ),
    Mutation("wrong key accepted", "fakes/runtime/http_app.py", "        if key and not hmac", "        if False and not hmac", KEYS, "Wrong Key Is Refused"),
    Mutation(
        "ill-typed field taken",
        "protocol/schema/fields.py",
        '        if not isinstance(value, self.kind):\n            return "type"\n',
        "",
        INPUT,
        "Prompt Is A Number",
    ),
    # --- time ---
    Mutation(
        "health checks 31 s apart",
        "fakes/hive/hive.py",
        "self.every(options.health_interval, self._check_health",
        "self.every(options.health_interval + 1, self._check_health",
        TIME,
        "Five Minutes Are Ten Health Checks",
    ),
    Mutation(
        "health check counts as activity",
        "fakes/worker/worker.py",
        '        return {"status": "healthy", "state": self.state}',
        '        self._note_activity()\n        return {"status": "healthy", "state": self.state}',
        TIME,
        "Five Minutes Are Ten Health Checks",
    ),
    Mutation(
        "callback repeated after 1, 1 and 1 s",
        "fakes/worker/callbacks.py",
        "pauses = [0.0, *split_durations(self._options.callback_delays)]",
        "pauses = [0.0] + 3 * split_durations(self._options.callback_delays)[:1]",
        TIME,
        "Timers Fire In Their Order",
    ),
    Mutation(
        "clock cannot be held",
        "clock/coordinator.py",
        "self._page.set(self._page.now(), rate)",
        "self._page.set(self._page.now(), rate or 1)",
        TIME,
        "Held Clock Stands Still",
    ),
    Mutation(
        "idle worker ends a second late",
        "fakes/hive/hive.py",
        "self._idle_time(row) >= self.options.idle_timeout",
        "self._idle_time(row) >= self.options.idle_timeout + 1",
        IDLE,
        "Idle Worker Is Shut Down After Five Minutes",
    ),
    Mutation("idle worker ends a second early", "fakes/hive/hive.py", "_FINEST = 1e-6", "_FINEST = 1.5", IDLE, "Idle Worker Is Shut Down After Five Minutes"),
    Mutation(
        "two misses are enough",
        "fakes/hive/hive.py",
        "        if row.misses >= self.options.health_misses:",
        "        if row.misses >= self.options.health_misses - 1:",
        HEALTH,
        "Silent Worker Is Removed After Three Misses",
    ),
    Mutation(
        "misses are never wiped out",
        "fakes/hive/hive.py",
        "row.last_health, row.misses = self.clock.now(), 0",
        "row.last_health = self.clock.now()",
        HEALTH,
        "One Good Look Wipes The Misses Out",
    ),
    Mutation(
        "queen looks every second",
        "fakes/rbee_client.py",
        "due = max(due + self._limits.ready_poll,",
        "due = max(due + self._limits.ready_poll / 2,",
        LOADING_LIMIT,
        "Queen Looks Every Two Seconds",
    ),
    Mutation(
        "two connection attempts",
        "fakes/rbee_client.py",
        'attempts(self._clock, pauses, "connect-pause"',
        'attempts(self._clock, pauses[:2], "connect-pause"',
        UNREACHABLE,
        "Host That Does Not Answer Is Tried Three Times",
    ),
    Mutation(
        "drained for 20 s only",
        "fakes/worker/worker.py",
        'self.options.drain, "drain"',
        'self.options.drain - 10, "drain"',
        STOP,
        "Running Stream Is Cut When The Drain Time Is Over",
    ),
    Mutation(
        "acknowledgement awaited for 3 s only",
        "fakes/hive/workers.py",
        "self._at_most(options.shutdown_ack, deadline)",
        "self._at_most(3, deadline)",
        STOP,
        "Deaf Worker Is Killed After Its Grace Period",
    ),
    Mutation(
        "signal of a death is lost",
        "run/exit_status.py",
        '"signal": self.signal}',
        '"signal": None}',
        DEATH,
        "Death At Token Twelve Is Told In Its Order",
    ),
    Mutation(
        "retry pause of a download does not double",
        "fakes/runtime/retry.py",
        "first * 2**number",
        "first * 1**number",
        DOWNLOAD,
        "Download Is Given Up After Six Attempts",
    ),
    Mutation(
        "one attempt more",
        "fakes/hive/downloads.py",
        "doubling(self._options.download_attempts, ",
        "doubling(self._options.download_attempts + 1, ",
        DOWNLOAD,
        "Download Is Given Up After Six Attempts",
    ),
    Mutation(
        "file with a wrong checksum is kept",
        "fakes/hive/downloads.py",
        'raise _Failed("the checksum is wrong", start_over=True)',
        'raise _Failed("the checksum is wrong")',
        DOWNLOAD,
        "Wrong Checksum Is Downloaded Again",
    ),
    Mutation(
        "progress every half MB",
        "fakes/hive/downloads.py",
        "step = self._options.progress_step",
        "step = self._options.progress_step // 2",
        DOWNLOAD,
        "Missing Model Is Downloaded With Progress",
    ),
    Mutation(
        "catalog not asked",
        "fakes/hive/models.py",
        "        row = self._known(model_ref)\n        if row is not None:\n            return CACHED, row.local_path\n",
        "",
        DOWNLOAD,
        "Cached Model Is Not Downloaded",
    ),
    Mutation(
        "corrupt catalog is thrown away",
        "fakes/database.py",
        "            os.rename(self.path, backup)\n",
        "            os.remove(self.path)\n",
        CATALOG,
        "Corrupt Catalog Is Replaced",
    ),
    Mutation("RAM times one", "fakes/hive/models.py", "-(-size * 12 // (10 * MEBIBYTE))", "-(-size // MEBIBYTE)", FITS, "Too Little RAM Stops The Spawn"),
    Mutation(
        "model path not passed to the worker",
        "fakes/hive/workers.py",
        '                        "model": row.model_path,\n',
        "",
        GGUF,
        "Model From The Hub Is A GGUF",
    ),
    Mutation(
        "VRAM of a model does not depend on its size",
        "fakes/worker/worker.py",
        "return self._model.size_bytes // 1048576",
        "return 2048",
        GGUF,
        "Three Quantizations Load",
    ),
    Mutation(
        "row written before ssh succeeded",
        "fakes/queen/node_setup.py",
        "            try:\n                self._probe(vars(registration))\n",
        "            self._nodes.put(registration, 0)\n            try:\n                self._probe(vars(registration))\n",
        REGISTRATION,
        "Registering An Unreachable Node Fails",
    ),
    Mutation(
        "second registration is never refused",
        "fakes/queen/node_setup.py",
        'self._options.node_conflict == "refuse" and not registration.update',
        "False",
        REGISTRATION,
        "Second Node With The Same Name Is Refused",
    ),
    Mutation(
        "removed node stays",
        "fakes/queen/node_registry.py",
        '"DELETE FROM beehives WHERE node_name = ?"',
        '"DELETE FROM beehives WHERE node_name = ? AND 0"',
        REGISTRATION,
        "Removing A Node Deletes Its Row",
    ),
    Mutation(
        "unknown node is looked for",
        "fakes/queen/hives.py",
        "        if row is None:\n            raise self.unknown(node)\n        return _MOCK_URL",
        "        if row is None:\n            return _MOCK_URL\n        return _MOCK_URL",
        REGISTRATION,
        "Inference On An Unknown Node Is Refused",
    ),
    Mutation(
        "ssh pauses do not grow",
        "fakes/queen/node_setup.py",
        "_FIRST_PAUSE)\n",
        "_FIRST_PAUSE)[:2] + [_FIRST_PAUSE]\n",
        REGISTRATION,
        "Registering Tries Ssh Three Times",
    ),
    Mutation(
        "branch not checked out",
        "fakes/queen/node_setup.py",
        "            f\"git checkout {shlex.quote(row['git_branch'])}\",\n",
        "",
        OVER_SSH,
        "Installing The Hive On A Registered Node",
    ),
    Mutation(
        "cascade none ends all", "fakes/queen/hives.py", '"none": set()', '"none": self._answered', OVER_SSH, "Queen Without A Cascade Leaves The Hive Alone"
    ),
    Mutation(
        "stalled line loses what it holds",
        "fakes/relay.py",
        "clock.wait(self._relay.flows, None)\n                    if self._relay.rate:",
        "clock.wait(self._relay.flows, None)\n                        continue\n                    if self._relay.rate:",
        LINES,
        "Stalled Line Goes On When It Is Mended",
    ),
    Mutation(
        "keeper takes a broken stream for a good one",
        "fakes/keeper/infer.py",
        '                raise _Broken("it ended without [DONE]")\n',
        "                return\n",
        K_BROKEN,
        "Stream Without Its End Counts As Broken",
    ),
    Mutation(
        "partial file lacks a token",
        "fakes/keeper/infer.py",
        'file.write("".join(self._tokens))',
        'file.write("".join(self._tokens[:-1]))',
        K_BROKEN,
        "Worker Death Mid-Stream Keeps The Partial Result",
    ),
    Mutation(
        "exit code 0 after a broken stream",
        "fakes/keeper/infer.py",
        '        self._console.report(f"  {kept}")\n        return 1\n',
        '        self._console.report(f"  {kept}")\n        return 0\n',
        K_BROKEN,
        "Worker Death Mid-Stream Keeps The Partial Result Of A Direct Inference",
    ),
    Mutation(
        "Ctrl+C sends no DELETE",
        "fakes/keeper/infer.py",
        '            self._keeper.client.call("DELETE", url',
        '            _ = ("DELETE", url) or self._keeper.client.call("DELETE", url',
        K_BROKEN,
        "Ctrl+C Cancels The Inference",
    ),
    Mutation("Ctrl+C ends with 1", "fakes/keeper/infer.py", "INTERRUPTED = 130", "INTERRUPTED = 1", K_BROKEN, "Ctrl+C Cancels A Direct Inference"),
    Mutation(
        "Ctrl+C waits for a silent worker for ever",
        "protocol/keeper_options.py",
        "cancel_timeout: Duration = option(Duration(5)",
        "cancel_timeout: Duration = option(Duration(5000)",
        K_BROKEN,
        "Ctrl+C Waits Five Seconds For A Silent Worker",
    ),
    Mutation(
        "comments keep a silent stream alive",
        "fakes/keeper/infer.py",
        "            for event in parser.feed(chunk):\n                silent =",
        "            silent = clock.now() + options.stall_timeout\n            for event in parser.feed(chunk):\n                silent =",
        K_BROKEN,
        "Comments Are No Sign Of Life",
    ),
    Mutation(
        "busy retries doubled",
        "protocol/keeper_options.py",
        'busy_delays: str = option("1s,2s,4s"',
        'busy_delays: str = option("2s,4s,8s"',
        K_BUSY,
        "Busy Worker Is Retried Three Times",
    ),
    Mutation(
        "hint for a busy worker forgotten",
        "fakes/keeper/explanations.py",
        '        "ALL_SLOTS_BUSY": "wait, or use another node",\n',
        "",
        K_BUSY,
        "Full Queue Is Explained",
    ),
    Mutation(
        "keeper's connection pauses doubled",
        "fakes/keeper/infer.py",
        "CONNECT_PAUSE = 0.2",
        "CONNECT_PAUSE = 0.4",
        K_EXPLAINED,
        "Connection Timeout Is Explained Directly",
    ),
    Mutation(
        "attempts not told", "fakes/keeper/console.py", 'elif stage == "connecting":', 'elif stage == "never":', K_EXPLAINED, "Connection Timeout Is Explained"
    ),
    Mutation(
        "upgrade not recommended",
        "fakes/keeper/explanations.py",
        '        "VERSION_MISMATCH": f"upgrade the keeper: cargo install rbee-keeper --version {hive_version}",\n',
        "",
        K_EXPLAINED,
        "Version Mismatch Is Explained",
    ),
    Mutation(
        "required memory not shown",
        "fakes/keeper/explanations.py",
        "f\"  Required: {details.get('required')} MB\", ",
        "",
        K_EXPLAINED,
        "Too Little RAM Is Explained",
    ),
    Mutation(
        "limit told in seconds",
        "fakes/keeper/explanations.py",
        "if seconds >= 60 and seconds % 60 == 0 and seconds != 60 else",
        "if False else",
        K_EXPLAINED,
        "Loading Timeout Is Explained",
    ),
    Mutation(
        "download retry not told",
        "fakes/keeper/console.py",
        'elif stage == "retrying":',
        'elif stage == "never":',
        K_EXPLAINED,
        "Resumed Download Is No Failure",
    ),
    Mutation(
        "host of a wrong key not told",
        "fakes/keeper/explanations.py",
        'f"authentication failed at {host}: ',
        'f"authentication failed: ',
        K_EXPLAINED,
        "Wrong API Key Is Refused And Explained",
    ),
    Mutation(
        "tokens shown at the end only",
        "fakes/keeper/infer.py",
        "            self._console.token(text)\n",
        "            _ = text\n",
        K_INFER,
        "Tokens Grow On Standard Output",
    ),
    Mutation(
        "temperature not passed on",
        "fakes/keeper/infer.py",
        'body |= {"max_tokens": options.max_tokens, "temperature": options.temperature}',
        'body |= {"max_tokens": options.max_tokens}',
        K_INFER,
        "Cold Start Streams Twenty Tokens",
    ),
    Mutation(
        "seed not passed on",
        "fakes/keeper/infer.py",
        "return body if options.seed is None else",
        "return body if True else",
        K_INFER,
        "Same Prompt And Seed Give The Same Text",
    ),
    Mutation(
        "direct flow goes through the queen",
        "fakes/keeper/infer.py",
        "self._asks_queen = not (options.direct or",
        "self._asks_queen = not (False and options.direct or",
        K_INFER,
        "Cold Start Works Directly",
    ),
    Mutation(
        "indexed tokens not read",
        "protocol/sse.py",
        'value.get("t", value.get("token"))',
        'value.get("t")',
        K_INFER,
        "All Event Shapes Are Read",
    ),
    Mutation(
        "home not expanded",
        "fakes/keeper/queen_commands.py",
        '"install_path": os.path.expanduser(options.install_path)',
        '"install_path": options.install_path',
        K_SETUP,
        "Home Is Expanded By The Keeper",
    ),
    Mutation(
        "date of a node in local words",
        "fakes/keeper/queen_commands.py",
        'strftime("%Y-%m-%d %H:%M:%S")',
        'strftime("%d.%m.%Y %H:%M:%S")',
        K_SETUP,
        "Listing Nodes Shows Every Node",
    ),
    Mutation(
        "ephemeral hive is left",
        "fakes/keeper/infer.py",
        "        for child in self._owned:\n            child.end",
        "        for child in []:\n            child.end",
        K_MODES,
        "Ephemeral Hive Ends With The Keeper",
    ),
    Mutation("programs cannot be run", "fakes/keeper/installation.py", "chmod(0o755)", "chmod(0o644)", K_FILES, "User Install Fills The Home Directory"),
    Mutation(
        "half an installation",
        "fakes/keeper/installation.py",
        "        if (obstacle := _obstacle(folder)) is not None:",
        "        if (obstacle := None) is not None:",
        K_FILES,
        "System Install That Cannot Write Leaves Nothing",
    ),
    Mutation(
        "user's config before RBEE_CONFIG",
        "fakes/keeper/installation.py",
        "[*([Path(configured)] if configured else []), Places.of_user().config, Places",
        "[Places.of_user().config, *([Path(configured)] if configured else []), Places",
        K_FILES,
        "Config Files Are Looked Up In Order",
    ),
    Mutation(
        "git without its folder",
        "fakes/keeper/installation.py",
        '        command = f"cd {remote',
        '        command = command or f"cd {remote',
        K_FILES,
        "Remote Paths Come From The Config",
    ),
    Mutation(
        "code of ssh passed through",
        "fakes/keeper/installation.py",
        '.short}")\n        return 1\n',
        '.short}")\n        return done.returncode\n',
        K_FILES,
        "Failure Of Ssh Is The Keeper's Own Failure",
    ),
    Mutation(
        "rule routed before ready is deaf",
        "report/rules/fleet_rules.py",
        "    _routed_before_ready,\n",
        "",
        FLEET_RULES,
        "Premature Ready",
    ),
    Mutation(
        "rule callback before listening is deaf",
        "report/rules/fleet_rules.py",
        "    _callback_before_listening,\n",
        "",
        FLEET_RULES,
        "Callback Before The Port Accepts",
    ),
    Mutation(
        "rule too many in flight is deaf",
        "report/rules/fleet_rules.py",
        "    _too_many_in_flight,\n",
        "",
        FLEET_RULES,
        "Overbook",
    ),
    Mutation(
        "rule request while draining is deaf",
        "report/rules/fleet_rules.py",
        "    _request_while_draining,\n",
        "",
        FLEET_RULES,
        "Accept While Draining",
    ),
    Mutation(
        "rule stream end is deaf",
        "report/rules/fleet_rules.py",
        "    _stream_end,\n",
        "",
        FLEET_RULES,
        "Stream Without An End",
    ),
    Mutation(
        "rule truncated as complete is deaf",
        "report/rules/fleet_rules.py",
        "    _truncated_as_complete,\n",
        "",
        FLEET_RULES,
        "Mend Stream",
    ),
    Mutation(
        "rule cascade order is deaf",
        "report/rules/fleet_rules.py",
        "    _cascade_order,\n",
        "",
        FLEET_RULES,
        "Hasty End",
    ),
    Mutation(
        "rule outlived its hive is deaf",
        "report/rules/fleet_rules.py",
        "    _outlived_its_hive,\n",
        "",
        FLEET_RULES,
        "Hasty End Of A Hive",
    ),
    Mutation(
        "rule cancel not passed on is deaf",
        "report/rules/fleet_rules.py",
        "    _cancel_not_passed_on,\n",
        "",
        FLEET_RULES,
        "Swallow Cancel",
    ),
    Mutation(
        "rule retried too soon is deaf",
        "report/rules/fleet_rules.py",
        "    _retried_too_soon,\n",
        "",
        FLEET_RULES,
        "Keeper Asks Again Too Soon",
    ),
    Mutation(
        "answer has another type than its contract",
        "fakes/hive/worker_row.py",
        '            "device": self.device,\n            "slots_total"',
        '            "device": str(self.device),\n            "slots_total"',
        "suites/contract/answers.robot",
        "Answers Of All Programs Match The Contract",
    ),
    Mutation(
        "answer is judged by no description",
        "session/judging/answer_check.py",
        "        return list(wrong(answer.value()))\n",
        "        return []\n",
        "suites/contract/answers.robot",
        "Cut Answer Is Off The Contract",
    ),
    Mutation(
        "chaos judges no tokens",
        "report/rules/token_accounting.py",
        "    return [text for inference in submitted for text in _wrong(inference,",
        "    return [text for inference in submitted[:0] for text in _wrong(inference,",
        CHAOS,
        "Token That Is Left Out Is Noticed",
    ),
    Mutation(
        "seed of chaos draws nothing",
        "session/judging/chaos_schedule.py",
        '        at = _rounded(duration * draw(seed, number, "at"))',
        '        at = _rounded(duration * draw(id(found), number, "at"))',
        CHAOS,
        "Same Seed Is The Same Schedule",
    ),
    Mutation(
        "workers of a fleet are listed by chance",
        "fakes/hive/workers.py",
        "            self._rows = {**first, **self._rows}",
        "            self._rows = {**dict(reversed(first.items())), **self._rows}",
        "suites/lifecycle/process_tree.robot",
        "Workers Are Listed In The Order Of Their Numbers",
    ),
    # --- ends, one after the other and together ---
    Mutation(
        "workers are ended one after the other",
        "fakes/hive/hive.py",
        "        self._together(end, rows)\n",
        "        for row in rows:\n            end(row)\n",
        STOP,
        "Five Workers Shut Down In Parallel",
    ),
    Mutation(
        "hung workers are killed one after the other",
        "fakes/hive/hive.py",
        "        self._together(end, rows)\n",
        "        for row in rows:\n            end(row)\n",
        STOP,
        "Several Hung Workers Are Killed Together",
    ),
    Mutation(
        "shutdown of a hive has no total limit",
        "fakes/hive/workers.py",
        "return min(limit, max(0.0, deadline - self._hive.clock.now()))",
        "return limit",
        STOP,
        "One Silent Worker Costs At Most The Total Limit",
    ),
    Mutation(
        "forced end is a polite one",
        "fakes/hive/workers.py",
        "        row.child.signal(signal.SIGKILL)\n",
        "        row.child.signal(signal.SIGTERM)\n",
        STOP,
        "Silent Worker Is Killed Through Its Stored Pid",
    ),
    Mutation(
        "forced end is logged without its reason",
        "fakes/hive/workers.py",
        "gets SIGKILL: {reason}",
        "gets SIGKILL",
        STOP,
        "Deaf Worker Is Killed After Its Grace Period",
    ),
    Mutation(
        "second signal kills without a word",
        "fakes/hive/workers.py",
        "            self.force(row, reason)\n",
        "            row.child.signal(signal.SIGKILL)\n",
        STOP,
        "Second Signal To A Hive Ends Its Workers",
    ),
    Mutation(
        "forced end for another reason",
        "fakes/hive/hive.py",
        'self.workers.force(row, "loading-timeout")',
        'self.workers.force(row, "unhealthy")',
        HEALTH,
        "Worker That Never Calls Back Is Given Up",
    ),
    Mutation(
        "worker that ends by itself gets a signal",
        "fakes/hive/workers.py",
        "        acknowledged = self._request_shutdown(row",
        "        row.child.signal(signal.SIGTERM)\n        acknowledged = self._request_shutdown(row",
        STOP,
        "SIGTERM To The Hive Ends All Workers",
    ),
    # --- heartbeats ---
    Mutation(
        "sweep of the queen locks everybody out",
        "fakes/queen/queen.py",
        """                self.clock.pause(slow.delay if slow.delay is not None else 1.0, "slow-sweep")\n""",
        """                with self._registry._lock:\n                    self.clock.pause(slow.delay, "slow-sweep")\n""",
        REGISTRY,
        "Registering During The Stale Sweep Works",
    ),
    Mutation(
        "heartbeat of the past counts for ever",
        "fakes/queen/worker_registry.py",
        'return Swept.MARKED if row.state == "busy" else Swept.SILENT',
        'return Swept.MARKED if row.state == "busy" else None',
        REGISTRY,
        "Crash Seen Only By Heartbeat Removes The Worker",
    ),
    Mutation(
        "three missed heartbeats are enough",
        "protocol/program_options.py",
        "heartbeat_timeout: Duration = option(Duration(120)",
        "heartbeat_timeout: Duration = option(Duration(80)",
        REGISTRY,
        "Crash Seen Only By Heartbeat Removes The Worker",
    ),
    Mutation(
        "stale worker gets new requests",
        "fakes/queen/worker_registry.py",
        'row.state not in ("draining", "stale-but-busy")',
        'row.state != "draining"',
        REGISTRY,
        "Lost Heartbeat While Busy Marks The Worker",
    ),
    Mutation(
        "stale worker outlives its request in the list",
        "fakes/queen/worker_registry.py",
        'row.state == "stale-but-busy" and not self._relays[worker_id]',
        "False",
        REGISTRY,
        "Lost Heartbeat While Busy Marks The Worker",
    ),
    Mutation(
        "stale worker is listed for six minutes",
        "protocol/program_options.py",
        "stale_busy_timeout: Duration = option(Duration(300)",
        "stale_busy_timeout: Duration = option(Duration(360)",
        REGISTRY,
        "Stale Worker Is Removed After Five Minutes",
    ),
    Mutation(
        "stale worker stays stale",
        "fakes/queen/worker_registry.py",
        """            if row.state == "stale-but-busy":
                row.state = "busy"
            if state is not None:
""",
        """            if state is not None and row.state != "stale-but-busy":
""",
        REGISTRY,
        "Heartbeat Makes A Stale Worker A Normal One Again",
    ),
    Mutation(
        "heartbeat writes an old state back",
        "fakes/queen/queen.py",
        "        self._registry.heartbeat(worker_id, read(WorkerHeartbeat, request.body).state)\n",
        """        before = self._registry.row(worker_id).state
        self.real_clock.pause(0.02, "slow")
        self._registry.heartbeat(worker_id, read(WorkerHeartbeat, request.body).state or before)
""",
        REGISTRY,
        "Heartbeat And State Change Do Not Lose Each Other",
    ),
    Mutation(
        "queen asks a worker again",
        "fakes/queen/queen.py",
        "        return Reply(200, request.stream.carries(self._bytes(stream, request.stream)), headers)\n",
        """        def twice() -> Iterator[bytes]:
            try:
                yield from self._bytes(stream, request.stream)
            except Abort:
                try:
                    self.client.open("POST", f"{worker.url}/v1/inference", {"prompt": "again"}, limit=1)
                except HttpFailure:
                    pass
                raise

        return Reply(200, request.stream.carries(twice()), headers)
""",
        FAILURES,
        "Killed Worker Breaks The Stream Of The Queen",
    ),
    # --- the rest of a row ---
    Mutation(
        "taken port ends the inference",
        "fakes/hive/workers.py",
        "        for port in order:\n",
        "        for port in order[:1]:\n",
        PORTS,
        "Inference Works Beside An Occupied Port",
    ),
    Mutation(
        "time-out of a download is a bad gateway",
        "protocol/error_codes.py",
        '"DOWNLOAD_TIMEOUT": 504',
        '"DOWNLOAD_TIMEOUT": 502',
        K_EXPLAINED,
        "Stalled Download Is Explained",
    ),
    Mutation(
        "missing worker binary is not found",
        "protocol/error_codes.py",
        '"WORKER_BINARY_NOT_FOUND": 500',
        '"WORKER_BINARY_NOT_FOUND": 404',
        K_EXPLAINED,
        "Missing Worker Binary Is Explained",
    ),
    Mutation(
        "wrong bytes are kept",
        "fakes/hive/downloads.py",
        'raise _Failed("the checksum is wrong", start_over=True)',
        'raise _Failed("the checksum is wrong")',
        K_EXPLAINED,
        "Wrong Checksum Once Is No Failure",
    ),
    Mutation(
        "status shows all slots as available",
        "fakes/worker/worker.py",
        '"slots_available": self._available(),',
        '"slots_available": options.slots,',
        SLOTS,
        "Last Slot Goes To Exactly One Request",
    ),
    Mutation(
        "worker that does not start is killed without a word",
        "fakes/hive/workers.py",
        'lambda: self.force(row, "no port")',
        "lambda: child.signal(signal.SIGKILL)",
        FAILURES,
        "Worker That Never Opens Its Port Is Killed",
    ),
    Mutation(
        "folder of a living run is taken",
        "session/artifacts.py",
        "            return False\n",
        "            pass\n",
        "tests/integration/test_claimed_folders.py",
        "test_living_process_keeps_its_folder_and_its_content",
    ),
    Mutation(
        "pid alone is a claim",
        "session/artifacts.py",
        "mark and kernel.start_mark(int(pid)) == mark",
        "kernel.start_mark(int(pid))",
        "tests/integration/test_claimed_folders.py",
        "test_claim_of_a_process_that_had_this_pid_before_is_stale[1]",
    ),
    Mutation(
        "forked child ends the run",
        "fleet/supervisor.py",
        "return os.getpid() == self._owner",
        "return True",
        "tests/integration/test_claimed_folders.py",
        "test_forked_child_does_not_end_the_run",
    ),
    Mutation(
        "header that is no UTF-8 breaks the request",
        "fakes/runtime/http_app.py",
        "    except UnicodeError:\n        return value\n",
        "    finally:\n        pass\n",
        "tests/integration/test_hostile_input.py",
        "test_header_that_is_no_utf8_is_answered_and_recorded[fake-worker-User-Agent]",
    ),
    Mutation(
        "misspelt name of a fault's program passes",
        "session/judging/scope_end.py",
        "    for fault in astray:\n",
        "    for fault in []:\n",
        "tests/integration/test_misuse.py",
        "test_message_says_what_and_what_to_do[Fault For A Name That Never Exists]",
    ),
    Mutation(
        "last token is swapped with nothing",
        "faults/stream_kinds.py",
        "swaps = context.is_token(successor) and self.acts(context)",
        "swaps = self.acts(context) and context.is_token(successor)",
        "tests/unit/test_fault_rules.py",
        "test_last_token_has_no_successor_to_be_swapped_with",
    ),
    Mutation(
        "deep JSON is read",
        "protocol/json_text.py",
        "    return any(isinstance(one, dict | list) for one in level)\n",
        "    return False\n",
        WIRE,
        "test_deep_json_is_refused_before_code_that_walks_through_it_fails",
    ),
    Mutation(
        "interim answer is the answer",
        "net/http_client.py",
        "    while 100 < response.status < 200",
        "    while 150 < response.status < 200",
        WIRE,
        "test_interim_answers_are_not_the_answer",
    ),
    Mutation(
        "TLS waits for ever",
        "fakes/runtime/http_server.py",
        '_TLS = b"\\x16\\x03"',
        '_TLS = b"never"',
        WIRE,
        "test_tls_gets_an_answer_at_once[fake-queen]",
    ),
    Mutation(
        "request without host is answered",
        "fakes/runtime/http_app.py",
        'environ["SERVER_PROTOCOL"] == "HTTP/1.1"',
        'environ["SERVER_PROTOCOL"] == "HTTP/2"',
        WIRE,
        "test_request_without_host[fake-queen]",
    ),
    Mutation(
        "body far over the limit is cut off",
        "fakes/runtime/http_server.py",
        "_READ_LIMIT = 1024 * BODY_LIMIT",
        "_READ_LIMIT = 16 * BODY_LIMIT",
        WIRE,
        "test_body_of_40_mb_is_refused_with_413[fake-worker]",
    ),
    Mutation(
        "HEAD of a stream is a stream",
        "fakes/runtime/http_app.py",
        'isinstance(reply.body, EventStream) and request.method == "HEAD"',
        'isinstance(reply.body, EventStream) and request.method == "TRACE"',
        WIRE,
        "test_head_of_a_stream_has_no_body",
    ),
    Mutation(
        "worker without a status route keeps its free slots",
        "fakes/hive/hive.py",
        'payload.get("slots_available", row.slots_of_state)',
        'payload.get("slots_available", row.slots_available)',
        WIRE,
        "test_worker_without_status_route_has_the_slots_of_its_state",
    ),
    Mutation(
        "locked registry is an error of the program",
        "fakes/queen/node_registry.py",
        """            return self._database.change(statement, values)
        except sqlite3.Error as error:""",
        """            return self._database.change(statement, values)
        except sqlite3.IntegrityError as error:""",
        WIRE,
        "test_locked_registry_is_a_reason_in_the_usual_shape[remove]",
    ),
    Mutation(
        "cancelling a task leaves its download waiting",
        "fakes/rbee_client.py",
        "            with self._http.cutting(stream):\n",
        "            if True:\n",
        CANCELLATION,
        "Task That Waits For A Download Is Cancelled",
    ),
    Mutation(
        "cancelling a task leaves its request to a hive waiting",
        "fakes/rbee_client.py",
        "        self._http = http.cancelled_by(self._cancelled)\n",
        "        self._http = http.cancelled_by(Event())\n",
        CANCELLATION,
        "Task That Waits For A Hive Is Cancelled",
    ),
    Mutation(
        "URL of an IPv6 address has no brackets",
        "run/tcp_ports.py",
        'return f"http://[{address}]:{port}"',
        'return f"http://{address}:{port}"',
        WIRE,
        "test_fleet_on_an_address[::1]",
    ),
    Mutation(
        "worker that the queen forgot does not register again",
        "fakes/worker/callbacks.py",
        "body, _HEARTBEAT_LIMIT) == 404:",
        "body, _HEARTBEAT_LIMIT) == 999:",
        CONVERGENCE,
        "Worker Registers Again After A Cut Of Three Minutes",
    ),
    Mutation(
        "hive does not register a forgotten worker again",
        "fakes/hive/queen_line.py",
        '{"timestamp": timestamp}) == 404:',
        '{"timestamp": timestamp}) == 999:',
        CONVERGENCE,
        "Hive Registers Its Worker Again",
    ),
    Mutation(
        "queen does not wait for ssh at its end",
        "fakes/queen/hives.py",
        "        for started in list(self._starts):\n",
        "        for started in []:\n",
        OVER_SSH,
        "Queen That Ends While It Starts A Hive Leaves None Behind",
    ),
    Mutation(
        "recorder changes the first line of a request",
        "recorder/proxy.py",
        "                server.sendall(data)\n",
        '                server.sendall(data.replace(b"HTTP/1.1", b"HTTP/1.0"))\n',
        "tests/integration/test_recorder.py",
        "test_random_exchanges_pass_byte_by_byte",
    ),
    Mutation(
        "recorder ends a broken connection well",
        "recorder/proxy.py",
        "            if not answers.over:\n                answers.client.leave()\n            reset(server)\n",
        "            server.cut()\n",
        "tests/integration/test_recorder.py",
        "test_random_exchanges_pass_byte_by_byte",
    ),
    Mutation(
        "cause of a real program's request is the latest one",
        "recorder/causes.py",
        "cause = min(best, key=lambda one: self._count[one.number][sent.path])",
        "cause = best[-1]",
        "tests/unit/test_causes.py",
        "test_of_two_equal_ones_it_is_probably_the_oldest_without_any",
    ),
    Mutation(
        "real program ignores options that it has no word for",
        "protocol/profiles.py",
        "        if unknown:\n",
        "        if unknown and False:\n",
        REAL,
        "test_bug_is_caught_with_the_right_words[Option Without A Word]",
    ),
    Mutation(
        "clocks of real programs stay behind",
        "session/real/real_time.py",
        "        for one in living:\n            self._write(one)\n        for _ in range",
        "        for _ in range",
        REAL,
        "test_clocks_of_real_programs_are_moved",
    ),
    Mutation(
        "recorder of a failed start is left",
        "session/programs/starter.py",
        "        mine = {*names, *map(recorder_of, names)}\n",
        "        mine = {*names}\n",
        REAL,
        "test_whatever_is_said_of_a_fake_can_be_said_of_a_real_program",
    ),
    Mutation(
        "recorder holds a piece back",
        "recorder/proxy.py",
        "                self._send(data)\n                ahead = self._parser.pending\n",
        '                self._send(b"".join(part.raw for part in batch))\n                ahead = 0\n',
        "tests/integration/test_recorder.py",
        "test_no_byte_is_held_back",
    ),
    Mutation(
        "fault of outgoing requests acts on incoming ones",
        "session/fault_injector.py",
        'Direction.outgoing: "arm-fault-out"',
        'Direction.outgoing: "arm-fault"',
        REAL,
        "test_whatever_is_said_of_a_fake_can_be_said_of_a_real_program",
    ),
]

"""What the developer's machine brings along does not change what the suites do: a proxy, keys, a module in the working directory, closed streams."""

from __future__ import annotations

import re
import subprocess

import pytest
from running import ROOT, robot, robot_command, robot_env

SUITES = [str(ROOT / "suites" / part) for part in ("quickstart.robot", "contract/api_keys.robot", "contract/request_journal.robot")]
PROXY = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    "env",
    [
        {"http_proxy": PROXY, "HTTP_PROXY": PROXY, "no_proxy": "example.org"},
        {"LLORCH_API_TOKEN": "x", "RBEE_API_KEY": "x"},
        {"RBEE_WORKER_ARGS": "--token-delay 1h", "RBEE_HIVE_ARGS": "--slots 9", "RBEE_QUEEN_ARGS": "--no-such-option"},
    ],
    ids=["proxy", "keys", "options"],
)
def test_variables_of_the_shell_do_not_reach_the_fakes(tmp_path, env):
    run = robot(tmp_path, *SUITES, env=env)
    assert {name: test.message for name, test in run.tests().items() if test.status == "FAIL"} == {}
    assert run.rc == 0, run.output


def test_module_in_the_working_directory_replaces_no_module_of_the_fakes(tmp_path):
    (tmp_path / "queue.py").write_text("raise SystemExit('the wrong queue')\n")
    suite = tmp_path / "s.robot"
    suite.write_text("*** Settings ***\nLibrary    RbeeLibrary\n\n*** Test Cases ***\nA\n    Start Fleet    workers=1\n    Run Keeper    workers    list\n")
    words = ["import sys; sys.path[:] = [p for p in sys.path if p not in ('', sys.argv[1])]; import robot; robot.run_cli(sys.argv[2:])"]
    command = [robot_command(tmp_path)[0], "-c", *words, str(tmp_path), "--outputdir", str(tmp_path / "out"), str(suite)]
    done = subprocess.run(command, cwd=tmp_path, env=robot_env(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_closed_standard_streams_are_no_obstacle(tmp_path):
    words = " ".join(f"'{word}'" for word in robot_command(tmp_path, SUITES[0]))
    done = subprocess.run(["sh", "-c", f"exec {words} <&- >&- 2>&-"], cwd=tmp_path, env=robot_env(), timeout=120)
    assert done.returncode == 0


def test_special_characters_in_the_output_folder(tmp_path):
    folder = tmp_path / 'a%2Fb "c"'
    folder.mkdir()
    run = robot(folder, *SUITES, str(ROOT / "suites/nodes/hive_over_ssh.robot"))
    assert {name: test.message for name, test in run.tests().items() if test.status == "FAIL"} == {}


def test_sandbox_without_pidfds_is_no_obstacle(tmp_path):
    refuse = "import errno, os\n\ndef refuse(pid, flags=0):\n    raise OSError(errno.ENOSYS, 'not there')\n\nos.pidfd_open = refuse\n"
    (tmp_path / "sitecustomize.py").write_text(refuse)
    run = robot(tmp_path, SUITES[0], str(ROOT / "suites/lifecycle/worker_failures.robot"), env={"PYTHONPATH": f"{tmp_path}:{ROOT}"})
    assert {name: test.message for name, test in run.tests().items() if test.status == "FAIL"} == {}
    assert run.rc == 0, run.output


@pytest.mark.parametrize("broken", ["scopes.end_processes", "open_scope"])
def test_error_of_the_library_itself_fails_the_test_with_a_sentence(tmp_path, broken):
    suite = tmp_path / "s.robot"
    break_it = f"Evaluate    [setattr($lib._session.{broken.rpartition('.')[0] or '__class__'}, '{broken.rpartition('.')[2]}', lambda *a: 1 / 0)]"
    get = "    ${lib} =    Get Library Instance    RbeeLibrary\n"
    suite.write_text(f"*** Settings ***\nLibrary    RbeeLibrary\n\n*** Test Cases ***\nA\n    Start Queen\n{get}    {break_it}\nB\n    No Operation\n")
    run = robot(tmp_path, str(suite))
    sentences = [test.message for test in run.tests().values() if test.failed]
    said = re.compile(r"the library failed at the [\w ]+: ZeroDivisionError in [^:]+: division by zero")
    assert sentences and all(map(said.search, sentences)), run.output
    assert "Traceback" not in run.output and "Calling method" not in run.output


def test_error_of_the_library_itself_in_a_keyword_says_where(tmp_path):
    suite = tmp_path / "s.robot"
    get = "    ${lib} =    Get Library Instance    RbeeLibrary\n"
    break_it = "    Evaluate    setattr($lib._session.programs, 'find', lambda name: None + 1)\n"
    suite.write_text(f"*** Settings ***\nLibrary    RbeeLibrary\n\n*** Test Cases ***\nA\n    Start Queen\n{get}{break_it}    Get Command Line    queen\n")
    message = robot(tmp_path, str(suite)).tests()["A"].message.splitlines()[0]
    places = r"session/programs/programs\.py, line \d+, called by keywords/processes\.py, line \d+"
    assert re.fullmatch(rf"the library failed: TypeError in {places}: unsupported operand type\(s\) .*", message), message

"""Runs the examples of README.md, the guide and the tutorial, so that they stay true."""

from __future__ import annotations

import contextlib
import fcntl
import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from fnmatch import fnmatchcase
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from readme import GUIDE, README, blocks, command, pages
from readme_picture import PICTURE, drawn
from running import ROOT, Run, robot, robot_env

PATH = "/usr/bin:/bin"
TOOLS = Path(sys.executable).parent
TUTORIAL = ROOT / "suites/tutorial.robot.md"
STAND_INS = {"QUEEN": "queen-rbee", "HIVE": "rbee-hive", "WORKER": "llm-worker-rbee", "KEEPER": "rbee"}
NPM = """#!/bin/sh
curl -sN "$RBEE_QUEEN/v2/tasks" -d '{"node":"workstation","model":"mock-model","prompt":"hello","max_tokens":3}' | grep DONE
"""


def executable(path: Path, text: str) -> Path:
    """Writes a program file."""
    path.write_text(text)
    path.chmod(0o755)
    return path


def suites() -> dict[str, str]:
    """Suites of README.md and the guide by the name of their first test."""
    return {block.partition("*** Test Cases ***\n")[2].splitlines()[0]: block for block in blocks("robotframework") if "*** Test Cases ***\n" in block}


def failures(run: Run) -> dict[str, str]:
    """Messages of the tests that failed."""
    return {name: test.message for name, test in run.tests().items() if not test.passed}


@pytest.mark.skipif(shutil.which("curl", path=PATH) is None, reason="the clients of the how-tos need curl on the PATH")
@pytest.mark.parametrize("name", suites())
def test_suite_passes(tmp_path, name):
    """Stand-ins take the places of the real programs and of `npm`."""
    (tmp_path / "readme.robot").write_text(suites()[name])
    programs = tmp_path / "programs"
    programs.mkdir()
    executable(programs / "npm", NPM)
    stand_ins = [word for name, file in STAND_INS.items() for word in ("-v", f"{name}:{ROOT / 'tests/data/real' / file}")]
    env = {"PATH": f"{programs}:{PATH}", "PYTHONPATH": f"{ROOT}:{ROOT / 'tests/data/real'}", "STAND_IN_FIRST_PORT": "18181"}
    run = robot(tmp_path, *stand_ins, "readme.robot", env=env)
    assert failures(run) == {}
    assert "WARN" not in run.output


def test_picture_is_the_librarys_own(tmp_path):
    """The same lanes, style and words as the library draws now; times and places differ, and a label without a place is a title only."""
    assert f"]({PICTURE.relative_to(ROOT)})" in README.read_text()
    shown, now = PICTURE.read_text(), drawn(tmp_path)
    ElementTree.fromstring(shown)
    style, text = re.compile(r"<style>.*?</style>"), re.compile(r"<text[^>]*>([^<]*)</text>")
    assert style.findall(shown) == style.findall(now)
    for words in ("test", "queen", "hive", "worker-1", "kill:after_tokens=12", "was ended by SIGKILL"):
        assert words in text.findall(shown), words
        assert re.search(rf"[ >]{re.escape(words)}[ <]", now), words


def test_every_block_is_a_suite_that_runs():
    assert len(suites()) == len(blocks("robotframework"))
    assert all(block.startswith("*** Settings ***\n") for block in suites().values())


@pytest.mark.parametrize("code", blocks("python"))
def test_python_example_runs(tmp_path, code):
    """A block with tests is run by pytest, any other one as a script."""
    is_test = re.search(r"^ *def test_", code, re.MULTILINE) is not None
    file = tmp_path / ("test_example.py" if is_test else "example.py")
    file.write_text(code)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)] if is_test else [sys.executable, str(file)]
    done = subprocess.run(words, cwd=tmp_path, env=robot_env(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def robot_commands() -> list[str]:
    """Commands that only run robot on the suites."""
    return [block.strip() for page in [*pages(), TUTORIAL] for block in blocks("bash", page) if block.startswith(".venv/bin/robot ")]


@pytest.mark.parametrize("line", robot_commands())
def test_robot_command_finds_tests(tmp_path, line):
    """A dry run: options, tags and paths of the command are right."""
    *options, target = shlex.split(line.replace("/opt/rbee/bin", str(ROOT / "tests/data/real")).replace("known-differences.txt", "/dev/null"))[1:]
    run = robot(tmp_path, *options, "--dryrun", "-d", str(tmp_path), str(ROOT / target))
    assert run.rc == 0, run.output


@pytest.fixture
def fixed_ports():
    """Holds the machine-wide lock for rbee's own ports, as suites/quickstart.robot does."""
    with (Path(tempfile.gettempdir()) / "rbee-fixed-ports.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.mark.skipif(shutil.which("curl", path=PATH) is None, reason="the examples for a shell need curl on the PATH")
@pytest.mark.parametrize("text", blocks("console"))
def test_shell_session_prints_what_is_shown(tmp_path, fixed_ports, text):
    """Commands after `$`, programs in the background with `&`; `...` stands for any text."""
    env = robot_env({"PATH": f"{TOOLS}:{PATH}", "HOME": str(tmp_path)})
    programs = []
    try:
        for step in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            line, _, expected = step.partition("\n")
            if line.endswith("&"):
                printed = tmp_path / f"{len(programs)}.stderr"
                words = ["sh", "-c", f"exec {line.rstrip(' &')} 2>{printed}"]
                programs.append(subprocess.Popen(words, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL))
                await_service(programs[-1], printed)
                continue
            printed = output_of(line, tmp_path, env)
            assert fnmatchcase(printed, re.sub(r"([\[?*])", r"[\1]", expected).replace("...", "*").strip()), f"$ {line}\n{printed}"
    finally:
        for program in reversed(programs):
            program.terminate()
            program.wait(60)


def await_service(program: subprocess.Popen, printed: Path) -> None:
    """Waits for the line `serves on`, as the guide says."""
    deadline = time.monotonic() + 20
    while not printed.exists() or "serves on" not in printed.read_text():
        assert time.monotonic() < deadline, printed.read_text()
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise AssertionError(f"it ended with {program.wait(0.05)}: {printed.read_text()}")


def output_of(line: str, folder: Path, env: dict[str, str]) -> str:
    """Standard output of a command, without blank lines."""
    done = subprocess.run(["sh", "-c", line], cwd=folder, env=env, capture_output=True, text=True, timeout=60)
    return "\n".join(filter(None, done.stdout.splitlines()))


def test_tutorial_passes(tmp_path):
    run = robot(tmp_path, str(TUTORIAL))
    assert failures(run) == {}
    assert 6 <= len(run.tests()) <= 9


def test_failure_that_the_tutorial_shows(tmp_path):
    """The command of its last lesson fails with the message that is printed below it."""
    (words,) = [shlex.split(line) for line in TUTORIAL.read_text().splitlines() if "TOKENS:20" in line]
    run = robot(tmp_path, *words[words.index("-v") : -1], str(TUTORIAL))
    (test,) = run.tests().values()
    (shown,) = re.findall(r"^number of tokens .*(?:\n[a-z ]+: .*)*", TUTORIAL.read_text(), re.MULTILINE)
    assert without_numbers(test.message) == without_numbers(shown)
    assert "worker-1 was killed by SIGKILL because of the injected fault kill" in (tmp_path / "output.xml").read_text()


def without_numbers(message: str) -> str:
    """A message without what differs from run to run."""
    return re.sub(r"req-\w+|[\d.]+ m?s|(?<=trace: ).*(?=rbee/)", "...", message)


def test_pabot_gives_every_test_a_run_of_its_own(tmp_path):
    """The pabot command, with the tutorial in place of all suites: every test has a nursery of its own."""
    *options, target = shlex.split(command("pabot --processes").partition(" pabot ")[2])
    assert target == "suites/"
    path = f"{TOOLS}:{PATH}"
    done = subprocess.run(["pabot", *options, str(TUTORIAL)], cwd=tmp_path, env=robot_env({"PATH": path}), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    tests = Run(done.returncode, done.stdout, tmp_path / "results").tests()
    assert len(list(tmp_path.glob("results/pabot_results/*/rbee/nursery.log"))) == len(tests) > 1


def workflows() -> dict[str, dict]:
    """The CI snippets: the job called `suites` of each, by its kind."""
    github, gitlab = [yaml.safe_load(block) for block in blocks("yaml", GUIDE / "ci.md")]
    return {"github": github["jobs"]["suites"], "gitlab": gitlab["suites"]}


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_ci_keeps_the_results_of_a_failed_run(tmp_path, kind):
    """The robot command of the snippet, with a suite that fails in place of all suites."""
    job = workflows()[kind]
    if kind == "github":
        (script,) = [step["run"] for step in job["steps"] if "run" in step]
        (upload,) = [step for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
        assert upload["if"] == "always()"
        kept = [upload["with"]["path"]]
    else:
        (script,) = job["script"]
        assert job["artifacts"]["when"] == "always"
        kept = [*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]]
    setup, _, run = script.rpartition(" && ")
    assert setup == command(".venv/bin/robot -d results suites/").rpartition(" && ")[0]
    program, *options, target = shlex.split(run)
    assert (program, target) == (".venv/bin/robot", "suites/")
    done = robot(tmp_path, *options, "-v", "TOKENS:20", "-t", "A Fault Breaks One Exact Thing", str(TUTORIAL))
    assert done.rc == 1
    assert [path for path in [*kept, "results/log.html"] if not (tmp_path / path).exists()] == []


def test_settings_of_the_editor_can_be_read():
    (settings,) = blocks("json", GUIDE / "editor.md")
    assert json.loads(settings)["python.defaultInterpreterPath"].endswith("/.venv/bin/python")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib came with Python 3.11")
def test_profile_of_the_editor_can_be_read():
    import tomllib

    (robot_toml,) = blocks("toml", GUIDE / "editor.md")
    assert tomllib.loads(robot_toml)["profiles"]["dry"] == {"dry-run": True}


def test_readme_is_short_and_its_contents_are_complete():
    text = README.read_text("utf-8")
    assert len(text.splitlines()) <= 250
    contents = re.findall(r"^- \[(.+)\]\(#.+\)$", text, re.MULTILINE)
    assert contents == [title for title in re.findall(r"^## (.+)$", text, re.MULTILINE) if title != "Contents"]


@pytest.mark.parametrize("index", [README, GUIDE / "README.md"], ids=["readme", "guide"])
def test_index_has_every_page_of_the_guide(index):
    linked = {(index.parent / link).resolve() for link in re.findall(r"\]\(([^)#]+\.md)\)", index.read_text("utf-8"))}
    assert {page for page in pages()[1:] if page.name != "README.md"} - linked == set()

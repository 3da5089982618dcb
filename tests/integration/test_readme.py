"""What the README and the tutorial say is run, so that they cannot lie."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from readme import README, blocks, command
from readme_picture import PICTURE, drawn
from running import ROOT, Run, robot, robot_env

PATH = "/usr/bin:/bin"
TUTORIAL = ROOT / "suites/tutorial.robot.md"
WORKER = """#!{python}
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Worker(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer("application/json", b'{{"status":"healthy","state":"idle","ready":true}}')

    def do_POST(self):
        self.answer("text/event-stream", b'data: {{"t":"real"}}\\n\\ndata: [DONE]\\n\\n')

    def answer(self, kind, body):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Worker).serve_forever()
"""
NPM = """#!/bin/sh
curl -sN "$RBEE_QUEEN/v2/tasks" -d '{"node":"workstation","model":"mock-model","prompt":"hello","max_tokens":3}' | grep DONE
"""


def executable(path: Path, text: str) -> Path:
    """Writes a program."""
    path.write_text(text)
    path.chmod(0o755)
    return path


def suites() -> dict[str, str]:
    """Suites of the README by the name of their first test; one without settings gets those that it needs."""
    found = {}
    for block in blocks("robotframework"):
        if block.startswith("*** Test Cases ***\n"):
            block = f"*** Settings ***\nLibrary    RbeeLibrary\n\n{block}"
        if block.startswith("*** Settings ***\n"):
            found[block.partition("*** Test Cases ***\n")[2].splitlines()[0]] = block
    return found


def failures(run: Run) -> dict[str, str]:
    """Messages of the tests that failed."""
    return {name: test.message for name, test in run.tests().items() if not test.passed}


@pytest.mark.skipif(shutil.which("curl", path=PATH) is None, reason="the clients of the how-tos need curl on the PATH")
@pytest.mark.parametrize("name", suites())
def test_suite_passes(tmp_path, name):
    """A stand-in takes the place of the real worker and of `npm`."""
    (tmp_path / "readme.robot").write_text(suites()[name])
    programs = tmp_path / "programs"
    programs.mkdir()
    worker = executable(programs / "llm-worker-rbee", WORKER.format(python=sys.executable))
    executable(programs / "npm", NPM)
    run = robot(tmp_path, "-v", f"WORKER:{worker}", "readme.robot", env={"PATH": f"{programs}:{PATH}"})
    assert failures(run) == {}
    assert "WARN" not in run.output


def test_picture_is_the_librarys_own(tmp_path):
    """The same lanes, style and words as the library draws now; times and places differ."""
    assert f"]({PICTURE.relative_to(ROOT)})" in README.read_text()
    shown, now = PICTURE.read_text(), drawn(tmp_path)
    ElementTree.fromstring(shown)
    style, text = re.compile(r"<style>.*?</style>"), re.compile(r"<text[^>]*>([^<]*)</text>")
    assert style.findall(shown) == style.findall(now)
    for words in ("test", "queen", "hive", "worker-1", "kill:after_tokens=12", "was ended by SIGKILL"):
        assert words in text.findall(shown), words
        assert words in text.findall(now), words


def test_every_block_is_a_suite_that_runs():
    assert len(suites()) == len(blocks("robotframework")) == 8


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
    assert "worker-1 was killed by SIGKILL because of the fault kill" in (tmp_path / "output.xml").read_text()


def without_numbers(message: str) -> str:
    """A message without what differs from run to run."""
    return re.sub(r"req-\w+|[\d.]+ m?s", "...", message)


def test_pabot_gives_every_test_a_run_of_its_own(tmp_path):
    """The pabot command, with the tutorial in place of all suites: every test has a nursery of its own."""
    *options, target = shlex.split(command("pabot --processes").partition(" pabot ")[2])
    assert target == "suites/"
    path = f"{Path(sys.executable).parent}:{PATH}"
    done = subprocess.run(["pabot", *options, str(TUTORIAL)], cwd=tmp_path, env=robot_env({"PATH": path}), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    tests = Run(done.returncode, done.stdout, tmp_path / "results").tests()
    assert len(list(tmp_path.glob("results/pabot_results/*/rbee/nursery.log"))) == len(tests) > 1


def workflows() -> dict[str, dict]:
    """The CI snippets: the job called `suites` of each, by its kind."""
    github, gitlab = [yaml.safe_load(block) for block in blocks("yaml")]
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
    (settings,) = blocks("json")
    assert json.loads(settings)["python.defaultInterpreterPath"].endswith("/.venv/bin/python")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib came with Python 3.11")
def test_profile_of_the_editor_can_be_read():
    import tomllib

    (robot_toml,) = blocks("toml")
    assert tomllib.loads(robot_toml)["profiles"]["dry"] == {"dry-run": True}


def test_lines_are_short():
    """Tables and commands may be as long as they have to be."""
    for page in (README, TUTORIAL):
        prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
        assert [line for line in prose.splitlines() if len(line) > 160 and not line.startswith("|")] == [], page


@pytest.mark.parametrize("page", [README, TUTORIAL], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    assert links
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []

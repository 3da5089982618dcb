"""Commands of a keeper without the queen: installation, config files, and commands of a hive over ssh (contract 11)."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ...errors import BadConfig
from ...protocol.keeper_options import InstallOptions
from ...run import environment
from ...run.exit_status import ExitStatus
from ...run.platform import expand_home
from .console import Console

PROGRAMS = ("rbee-keeper", "rbee-hive", "llm-worker-rbee")
_CONFIG = """[pool]
name = "{name}"
listen_addr = "127.0.0.1:9200"

[paths]
models_dir = "{models}"
catalog_db = "{catalog}"

[remote]
# binary_path = "/opt/rbee/bin/rbee-hive"
# git_repo_dir = "/opt/rbee/repo"
"""
_SECTION = re.compile(r"\[([A-Za-z0-9_.-]+)\]$")
_ENTRY = re.compile(r'([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|\'([^\']*)\'|(\d+|true|false))\s*(?:#.*)?$')


@dataclass(frozen=True)
class Places:
    """Paths of an installation."""

    binaries: Path
    config: Path
    models: Path
    catalog: Path

    @classmethod
    def of_user(cls) -> Places:
        """Paths of a user, below the home folder."""
        home = Path(expand_home("~"))
        return cls(home / ".local/bin", home / ".config/rbee/config.toml", home / ".local/share/rbee/models", home / ".rbee/models.db")

    @classmethod
    def of_system(cls, root: str) -> Places:
        """Paths for all users; `root` is put before every path."""
        base = Path(root or "/")
        return cls(base / "usr/local/bin", base / "etc/rbee/config.toml", base / "var/lib/rbee/models", base / "var/lib/rbee/models.db")


# --- install (11.1) ---


def install(options: InstallOptions, console: Console) -> int:
    """Creates the folders, copies the programs and writes a config unless there is one; returns the exit code."""
    places = Places.of_system(options.root) if options.system else Places.of_user()
    source = Path(options.from_dir) if options.from_dir else Path(sys.argv[0]).resolve().parent
    folders = (places.binaries, places.config.parent, places.models)
    for folder in folders:
        if (obstacle := _obstacle(folder)) is not None:
            console.error(f"Error: {folder} cannot be written: {obstacle}")
            return 1
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        for name in PROGRAMS:
            if (source / name).is_file():
                shutil.copyfile(source / name, places.binaries / name)
                (places.binaries / name).chmod(0o755)
                console.say(f"installed {places.binaries / name}")
            else:
                console.say(f"warning: {name} is not in {source} and was not installed")
        if places.config.exists():
            console.say(f"kept {places.config}")
        else:
            places.config.write_text(_CONFIG.format(name=socket.gethostname(), models=places.models, catalog=places.catalog), encoding="utf-8")
            console.say(f"wrote {places.config}")
    except OSError as error:
        console.error(f"Error: {error.filename or places.binaries} cannot be written: {error.strerror}")
        return 1
    console.say(f"models go to {places.models}")
    console.say(f"Next: put {places.binaries} on your PATH, then register a node: rbee-keeper setup add-node --help")
    return 0


def _obstacle(folder: Path) -> str | None:
    """The reason why a folder cannot be created or written to, or None; checked before anything is changed."""
    existing = folder
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        return f"{existing} is in the way"
    return None if os.access(existing, os.W_OK) else f"no right to write to {existing}"


# --- config (11.2) ---


def find_config(root: str) -> Path | None:
    """The config file: that of `RBEE_CONFIG`, else the user's, else the system's. Only the first that exists is used."""
    configured = os.environ.get("RBEE_CONFIG")
    candidates = [*([Path(configured)] if configured else []), Places.of_user().config, Places.of_system(root).config]
    return next((path for path in candidates if path.is_file()), None)


def read_config(path: Path) -> dict[str, dict[str, str]]:
    """Sections of a config file; values are strings, numbers or booleans, as rbee writes them.

    Raises:
        BadConfig: a line is neither a section nor such a value.
    """
    sections: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if head := _SECTION.match(text):
            section = sections.setdefault(head[1], {})
        elif entry := _ENTRY.match(text):
            quoted = re.sub(r"\\(.)", r"\1", entry[2]) if entry[2] is not None else None
            section[entry[1]] = next(value for value in (quoted, entry[3], entry[4]) if value is not None)
        else:
            raise BadConfig(f'{path}, line {number}: {text[:60]!r} is neither [section] nor key = "value"')
    return sections


# --- pool (11.3) ---


def pool(host: str, words: list[str], root: str, console: Console) -> int:
    """Runs a command of a hive over ssh; returns the exit code, 0 or 1.

    Args:
        host: for ssh.
        words: of the command.
        root: put before the path of the system's config file.
        console: for all output.
    """
    try:
        path = find_config(root)
        remote = read_config(path).get("remote", {}) if path else {}
    except BadConfig as error:
        console.error(f"Error: config: {error}")
        return 1
    command = " ".join([remote.get("binary_path", "rbee-hive"), *words])
    if words[0] == "git":
        command = f"cd {remote.get('git_repo_dir', '~/llama-orch')} && {' '.join(words)}"
    env = environment.for_children()
    try:
        # In this process group: Ctrl+C reaches ssh as well.
        done = subprocess.run(["ssh", host, command], stdin=subprocess.DEVNULL, env=env)
    except OSError:
        console.error("Error: ssh program not found")
        return 1
    if done.returncode != 0:
        console.error(f"Error: ssh to {host} failed: {ExitStatus(done.returncode).short}")
        return 1
    return 0

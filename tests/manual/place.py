"""A repository in which the lines of a page are typed, one after the other, at a terminal.

The program is the real one and so is git; the agent, the planner and the reviewer are scripts of
a few lines. What a person would be asked is answered: yes to a question, `exit` in a shell, `q` in
a full screen.
"""

import os
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pexpect

from tests import kit

# Writes where its task may: by the task's name, else by the path that the prompt names.
AGENT = """\
#!/bin/sh
set -eu
prompt=$(cat)
task=${WTMAN_TASK##*/}
case $task in
  core) printf 'class Token:\\n    pass\\n' >> core/tokens.py ;;
  billing) printf 'from core import tokens\\n' >> src/billing/portal.py ;;
  tests) printf 'def test_more():\\n    assert True\\n' > tests/test_more.py ;;
  docs) echo 'More.' >> README.md ;;
  *) path=$(printf '%s\\n' "$prompt" | grep -oE '[a-z/]+[.]py' | head -1)
     echo "# $task" >> "${path:-notes.md}" ;;
esac
echo "I changed what $task is about."
"""
PLANNER = """\
import json, sys
sys.stdin.read()
print(json.dumps({"reason": "One core, then what uses it.", "context": "", "tasks": [
    {"id": "core", "title": "A token", "prompt": "Add a Token class", "owns": ["core/**"]},
    {"id": "billing", "title": "Use it in billing", "prompt": "Use core.tokens",
     "owns": ["src/billing/**"], "needs": ["core"]},
]}))
"""
REVIEWER = """\
import json, sys
json.load(sys.stdin)
print(json.dumps({"findings": []}))
"""
PORT = """\
import pathlib, sys
for name in sys.argv[1:] or ["src/shop.py"]:
    pathlib.Path(name).write_text(pathlib.Path(name).read_text() + "# ported\\n")
"""
# `ssh HOST COMMAND` and `scp -r HOST:FILE PLACE`, where the other machine is a folder.
SSH = """\
#!/bin/sh
while [ "${1#-}" != "$1" ]; do
  case $1 in -o) shift ;; esac
  shift
done
shift
cd "$OTHER_MACHINE" && exec sh -c "$*"
"""
SCP = """\
#!/bin/sh
for word; do [ "${word#*:}" = "$word" ] || from=${word#*:}; to=$word; done
exec cp -R "$OTHER_MACHINE/$from" "$to"
"""
GH = """\
#!/bin/sh
cat > /dev/null
echo https://example.com/pull/7
"""
# Tests that pass at once: what a test runner needs is the business of others.
PYTEST = """\
#!/bin/sh
for word; do case $word in --junitxml=*) to=${word#*=} ;; esac; done
[ -z "${to:-}" ] || echo '<testsuite><testcase classname="a" name="b"/></testsuite>' > "$to"
"""
FILES = {
    "README.md": "# Shop\n",
    "core/__init__.py": "",
    "core/tokens.py": '"""Tokens."""\n',
    "src/billing/__init__.py": "",
    "src/billing/portal.py": '"""The portal."""\n',
    "src/shop.py": "PRICES = dict([('tea', 450)])\n",
    "lib/names.py": "NAMES = []\n",
    "docs/style.md": "Short lines.\n",
    "tests/test_tokens.py": (
        "import core.tokens\n\n\ndef test_it():\n    assert core.tokens.__doc__\n"
    ),
    "port.py": PORT,
    "auditor.py": REVIEWER,
    ".gitignore": "__pycache__/\n.pytest_cache/\n",
}
BRANCHES = {"fix-a": "src/a.py", "fix-b": "src/b.py", "fix-c": "src/c.py"}
# What stands for something of the reader's, and what it stands for here.
PLACEHOLDERS = {
    "RUN": "$(ls -t .git/wtman/runs | head -n 1)",
    "TASK": "billing",
    "TEXT": "'as the test says'",
}
_QUESTION = r"\[(y/N(/one)?|Y/n)\] $"
_SHELL, _FULL_SCREEN = r"sh-here> $", r"\x1b\[\?1049h"
_SECONDS = 60


@dataclass
class Place:
    """Where a page is tried; `printed` is what the last line wrote."""

    repo: Path
    env: Mapping[str, str]
    printed: str = field(default="")

    def run(self, line: str) -> int:
        """Type a line; its exit status."""
        for word, here in PLACEHOLDERS.items():
            line = re.sub(rf"\b{word}\b(?!=)", here, line)
        child = pexpect.spawn(
            "sh",
            ["-c", line],
            cwd=str(self.repo),
            env=dict(self.env),
            dimensions=(40, 80),
            encoding="utf-8",
            codec_errors="replace",
            timeout=_SECONDS,
        )
        said = ""
        while True:
            match = child.expect([pexpect.EOF, pexpect.TIMEOUT, _QUESTION, _SHELL, _FULL_SCREEN])
            said += (child.before or "") + (child.after if match > 1 else "")
            if match == 0:
                break
            if match == 1:
                child.close(force=True)
                raise AssertionError(f"no end of `{line}`:\n{said[-2000:]}")
            if match == 4:
                child.expect("next: ")  # once there is something to see
                child.send("q")
            else:
                child.sendline("y" if match == 2 else "exit")
        child.close()
        self.printed = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said).replace("\r\n", "\n")
        return child.exitstatus if child.exitstatus is not None else -(child.signalstatus or 0)

    def write(self, name: str, text: str) -> None:
        kit.write_files(self.repo, {name: text})


def place(folder: Path) -> Place:
    """A repository with a commit, three branches and a remote, and a user who has an agent."""
    repo = kit.create_repo(folder / "shop", FILES)
    for branch, path in BRANCHES.items():
        kit.run_git(repo, "switch", "-q", "-c", branch, "main")
        kit.commit_files(repo, {path: f"# {branch}\n"}, f"Fix {branch[-1]}")
    kit.run_git(repo, "switch", "-q", "main")
    kit.run_git(folder, "clone", "-q", "--bare", "shop", "remote.git")
    kit.run_git(repo, "remote", "add", "-f", "origin", str(folder / "remote.git"))
    other = folder / "other"
    kit.create_repo(other / "shop", FILES)
    tools = folder / "tools"
    scripts = {"agent.sh": AGENT, "planner.py": PLANNER, "reviewer.py": REVIEWER}
    python = shlex.quote(sys.executable)
    shims = {"python": "", "python3": "", "wtman": " -P -m wtman", "ruff": " -m ruff"}
    programs = {"ssh": SSH, "scp": SCP, "gh": GH, "pytest": PYTEST}
    programs |= {name: f'#!/bin/sh\nexec {python}{words} "$@"\n' for name, words in shims.items()}
    kit.write_files(tools, {**scripts, **{f"bin/{name}": it for name, it in programs.items()}})
    planner = f"command:python3 {tools}/planner.py"
    config = (
        f'check = ["pytest -q"]\nreviewers = 1\nagent = "command:sh {tools}/agent.sh"\n[roles]\n'
        f'planner = "{planner}"\nlead = "{planner}"\n'
        f'reviewer = "command:python3 {tools}/reviewer.py"\n'
    )
    kit.write_files(Path(os.environ["XDG_CONFIG_HOME"]) / "wtman", {"config.toml": config})
    own = {name: text for name, text in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return Place(
        repo,
        {
            **own,
            "PATH": f"{tools}/bin{os.pathsep}{os.environ['PATH']}",
            "OTHER_MACHINE": str(other),
            "PAGER": "cat",
            "EDITOR": "true",
            "SHELL": "/bin/sh",
            "PS1": "sh-here> ",
            "TERM": "xterm-256color",
        },
    )

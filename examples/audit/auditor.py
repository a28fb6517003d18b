"""A reviewer and a refuter as one small program: a linter that proves what it can.

As a reviewer it looks through the Python files of the folder that it is started in. A
default that is shared between calls comes with a test that fails because of it; a bare
`except:` is only a claim, which it judges as a refuter when wtman asks for that.
"""

import ast
import json
import sys
from pathlib import Path

TEST = """\
import inspect
import unittest

import {module}


class SharedDefault(unittest.TestCase):
    def test_{name}(self):
        found = inspect.signature({module}.{name}).parameters.values()
        shared = [p.name for p in found if isinstance(p.default, (list, dict, set))]
        self.assertEqual(shared, [])
"""


def findings(branch):
    for path in sorted(Path().rglob("*.py")):
        if "test" in path.as_posix():
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and any(map(is_shared, node.args.defaults)):
                yield shared_default(path, node, branch)
            if isinstance(node, ast.ExceptHandler) and node.type is None:
                yield claim("a bare except hides every error", path, node, branch, "minor")


def is_shared(node):
    return isinstance(node, (ast.List, ast.Dict, ast.Set))


def shared_default(path, node, branch):
    module = ".".join(path.with_suffix("").parts)
    name = f"test_shared_{path.stem}_{node.name}"
    lines = TEST.format(module=module, name=node.name).splitlines()
    patch = f"diff --git a/tests/{name}.py b/tests/{name}.py\nnew file mode 100644\n"
    patch += f"--- /dev/null\n+++ b/tests/{name}.py\n@@ -0,0 +1,{len(lines)} @@\n"
    patch += "".join(f"+{line}\n" for line in lines)
    found = claim(f"{node.name} shares a default between calls", path, node, branch, "major")
    command = f"python3 -m unittest tests.{name}"
    return {**found, "reproducer": {"patch": patch, "command": command}}


def claim(title, path, node, branch, severity):
    why = f"see {path}:{node.lineno}; what one call leaves there, the next one finds"
    if severity == "minor":
        why = f"see {path}:{node.lineno}; name the errors that are meant"
    place = {"path": path.as_posix(), "line": node.lineno}
    return {"title": title, "severity": severity, "branches": [branch], "why": why, **place}


def refutation(claimed):
    """A bare except that raises again hides nothing; a proven claim stands."""
    if claimed["reproducer"]:
        return {"answer": "confirmed", "evidence": "the test asks for what the language warns of"}
    for node in ast.walk(ast.parse(Path(claimed["path"]).read_text())):
        if isinstance(node, ast.ExceptHandler) and node.lineno == claimed["line"]:
            if any(isinstance(inner, ast.Raise) for inner in ast.walk(node)):
                return {"answer": "refuted", "evidence": "it raises the error again"}
    return {"answer": "cannot tell", "evidence": "it may be meant"}


request = json.load(sys.stdin)
if request["role"] == "refuter":
    print(json.dumps(refutation(request["finding"])))
elif request["lens"] == "correctness":
    print(json.dumps({"findings": list(findings(request["branches"][0]["task"]))}))
else:
    print(json.dumps({"findings": []}))

#!/usr/bin/env python3
"""The reviewer of `wtman demo`: no model, one objection that is right and one that is not.

wtman hands it the branch as JSON on stdin, and believes neither: it runs the test that
each objection brings, on the base and on the branch.
"""

import json
import sys

# A test that only adds a file, as `git apply` takes it.
PATCH = """\
diff --git a/{path} b/{path}
new file mode 100644
--- /dev/null
+++ b/{path}
@@ -0,0 +1,{count} @@
"""

LENGTH = '''"""How long a catalogue is."""

import unittest

from shop.catalog import Catalog


class LengthTest(unittest.TestCase):
    def test_the_length_is_the_number_of_products(self):
        self.assertEqual(len(Catalog({"tea": 450, "cup": 1200})), 2)
'''
PRICES = '''"""Prices stay what they are."""

import unittest

from shop.catalog import Catalog


class PriceTest(unittest.TestCase):
    def test_a_price_is_what_was_given(self):
        self.assertEqual(Catalog({"tea": 450}).price("tea"), 450)
'''


def reproducer(module: str, text: str) -> dict[str, str]:
    path = f"tests/{module}.py"
    lines = text.splitlines()
    patch = PATCH.format(path=path, count=len(lines)) + "".join(f"+{line}\n" for line in lines)
    return {"patch": patch, "command": f"python3 -m unittest -q tests.{module}"}


def objections(task: str, diff: str) -> list[dict[str, object]]:
    if task != "stock" or "+        return sum(self._left.values())" not in diff:
        return []
    about = {"branches": [task], "path": "shop/catalog.py"}
    return [
        {
            **about,
            "title": "len(catalog) counts pieces in stock, no longer products",
            "severity": "blocker",
            "why": "Whoever asks how many products there are is told 0.",
            "reproducer": reproducer("test_length", LENGTH),
        },
        {
            **about,
            "title": "Prices get lost when no stock is given",
            "severity": "major",
            "why": "The new argument could shadow the prices.",
            "reproducer": reproducer("test_prices", PRICES),
        },
    ]


def main() -> int:
    asked = json.load(sys.stdin)
    found = [
        item
        for branch in asked["branches"]
        if len(asked["branches"]) == 1
        for item in objections(branch["task"], branch["diff"])
    ]
    json.dump({"findings": found}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())

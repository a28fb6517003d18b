"""Which paths hold tests."""

import re

# Tests by the habits of the common languages.
TESTS = (
    *("test/", "tests/", "__tests__/", "spec/", "test_*.py", "*_test.py", "*_test.go"),
    *("*.test.[jt]s", "*.test.[jt]sx", "*.test.[cm][jt]s", "*.spec.[jt]s", "*.spec.[jt]sx"),
    *("*.spec.[cm][jt]s", "*_spec.rb", "*Test.java", "*Test.php", "*_test.rs", "*_tests.rs"),
)

# The same, for very many paths: far quicker than patterns.
_TEST = re.compile(
    r"(?:^|/)(?:tests?|__tests__|spec)/|(?:^|/)test_[^/]*\.py$|_test\.(?:py|go|rs)$|_tests\.rs$"
    r"|\.(?:test|spec)\.(?:[cm]?[jt]s|[jt]sx)$|_spec\.rb$|Test\.(?:java|php)$"
)


def is_test(path: str) -> bool:
    """Whether a file of this name holds tests."""
    return _TEST.search(path) is not None

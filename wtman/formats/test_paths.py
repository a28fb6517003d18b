"""Which paths hold tests."""

# Tests by the habits of the common languages.
TESTS = (
    *("test/", "tests/", "__tests__/", "spec/", "test_*.py", "*_test.py", "*_test.go"),
    *("*.test.[jt]s", "*.test.[jt]sx", "*.test.[cm][jt]s", "*.spec.[jt]s", "*.spec.[jt]sx"),
    *("*.spec.[cm][jt]s", "*_spec.rb", "*Test.java", "*Test.php", "*_test.rs", "*_tests.rs"),
)

"""The smallest repository of each stack that a recipe is about, by the recipe's `init=NAME`."""

PYTHON_TEST = {"tests/test_a.py": "def test_a():\n    pass\n"}
PACKAGE = '{"name": "x", "scripts": {"test": "node --test"}, "devDependencies": {"tap": "1"}}\n'
NODE = {"package.json": PACKAGE, ".gitignore": "node_modules\n"}
JAVA_TEST = {"src/test/java/ATest.java": "class ATest {}\n"}

STACKS: dict[str, dict[str, str | bytes]] = {
    "uv": {
        "pyproject.toml": '[project]\nname = "x"\n[dependency-groups]\ndev = ["pytest"]\n',
        "uv.lock": "",
        **PYTHON_TEST,
    },
    "poetry": {
        "pyproject.toml": '[tool.poetry.group.dev.dependencies]\npytest = "*"\n',
        "poetry.lock": "",
        **PYTHON_TEST,
    },
    "npm": {**NODE, "package-lock.json": "{}"},
    "pnpm": {**NODE, "pnpm-lock.yaml": ""},
    "yarn": {**NODE, "yarn.lock": ""},
    "bun": {**NODE, "bun.lock": ""},
    "rust": {
        "Cargo.toml": '[package]\nname = "x"\n[dependencies]\nserde = "1"\n',
        "Cargo.lock": "",
        "src/lib.rs": "#[test]\nfn a() {}\n",
        ".gitignore": "target\n",
    },
    "go": {
        "go.mod": "module x\n\ngo 1.21\n\nrequire example.com/y v0.3.0\n",
        "go.sum": "",
        "a_test.go": "package x\n",
    },
    "maven": {"pom.xml": "<project/>\n", **JAVA_TEST},
    "gradle": {"build.gradle": "", "gradlew": "", **JAVA_TEST},
    "dotnet": {
        "x.sln": "",
        "T/T.csproj": '<Project><PackageReference Include="Microsoft.NET.Test.Sdk"/></Project>\n',
    },
    "php": {
        "composer.json": '{"require-dev": {"phpunit/phpunit": "*"}}\n',
        "composer.lock": "{}",
        "phpunit.xml": "<phpunit/>\n",
        ".gitignore": "vendor\n",
    },
    "cmake": {
        "CMakeLists.txt": "project(x)\nenable_testing()\nadd_test(NAME a COMMAND a)\n",
        ".gitignore": "build\n",
    },
}

"""What files say about tests and setup: one case an ecosystem."""

import json

import pytest

from wtman.config.detect import Habits, Project, WantedVersion, habits, read_first
from wtman.config.detect.versions import number_of, satisfies

VENV = "python3 -m venv .venv && .venv/bin/python -m pip install -q"
HIDDEN_VENV = "python3 -m venv .venv && echo '*' > .venv/.gitignore"
PROJECT = '[project]\nname = "x"\n[build-system]\nrequires = []\n'
NPM = "npm ci && echo '*' > node_modules/.gitignore"
RUBY = (
    "bundle config set --local path vendor/bundle && bundle install --quiet"
    " && echo '*' > vendor/bundle/.gitignore && echo '*' > .bundle/.gitignore"
)


def found(texts, more=(), local=()) -> Habits:
    return habits({*texts, *more}, texts, local)


def package(test="", *, dev=(), **more):
    scripts = {"test": test} if test else {}
    return json.dumps({"scripts": scripts, "devDependencies": dict.fromkeys(dev, "1"), **more})


CASES = [
    # --- Python ---
    # Standard library only: nothing to set up.
    ({"t/test_a.py": "import unittest"}, ["t/__init__.py"], "python3 -m unittest -q", ""),
    (
        {"tests/test_a.py": "import unittest"},
        ["shop/__init__.py"],
        "python3 -m unittest discover -q -s tests -t .",
        "",
    ),
    ({"tests/test_a.py": "def test(): pass"}, [], "python3 -m pytest -q", ""),
    # A package: an environment of its own, with what its tests need.
    (
        {"pyproject.toml": PROJECT, "tests/test_a.py": "", ".gitignore": ".venv/\n"},
        [],
        ".venv/bin/python -m pytest -q",
        f"{VENV} -e . pytest",
    ),
    # What the tests and the configuration of pytest ask for, where nothing else says it.
    (
        {
            "pyproject.toml": PROJECT + '[tool.pytest.ini_options]\naddopts = "--cov=x"\n',
            "tests/test_a.py": "import hypothesis\nimport anything\n",
            ".gitignore": ".venv/\n",
        },
        [],
        ".venv/bin/python -m pytest -q",
        f"{VENV} -e . pytest hypothesis pytest-cov",
    ),
    (
        {
            "pyproject.toml": PROJECT + '[project.optional-dependencies]\ndev = ["pytest"]\n',
            "tests/test_a.py": "",
        },
        [],
        ".venv/bin/python -m pytest -q",
        f"{HIDDEN_VENV} && .venv/bin/python -m pip install -q -e '.[dev]' pytest",
    ),
    # The set of requirements that has the tester, not the one that is called `dev`.
    (
        {
            "pyproject.toml": PROJECT
            + '[dependency-groups]\ndev = ["ruff"]\ntest = ["pytest>=8"]\n',
            "tests/test_a.py": "",
            ".gitignore": ".venv",
        },
        [],
        ".venv/bin/python -m pytest -q",
        f"{VENV} -q -U pip".replace("-q -q", "-q")
        + " && .venv/bin/python -m pip install -q -e . --group test pytest",
    ),
    (
        {"pyproject.toml": PROJECT + '[dependency-groups]\ndev = ["pytest"]\n', "uv.lock": ""},
        ["test_a.py"],
        "uv run --no-sync pytest -q",
        "uv sync -q",
    ),
    (
        {"pyproject.toml": PROJECT + '[dependency-groups]\ntest = ["pytest"]\n', "uv.lock": ""},
        ["test_a.py"],
        "uv run --no-sync pytest -q",
        "uv sync -q --group test",
    ),
    (
        {
            "pyproject.toml": PROJECT
            + '[dependency-groups]\ndev = ["pytest"]\n[tool.uv.workspace]\nmembers = ["p/*"]\n',
            "uv.lock": "",
            "p/a/pyproject.toml": PROJECT,
        },
        ["p/a/tests/test_a.py"],
        "uv run --no-sync pytest -q",
        "uv sync -q --all-packages",
    ),
    (
        {
            "pyproject.toml": "[tool.poetry.group.test]\noptional = true\n"
            '[tool.poetry.group.test.dependencies]\npytest = "8"\n',
            "poetry.lock": "",
        },
        ["tests/test_a.py"],
        "poetry run pytest -q",
        "POETRY_VIRTUALENVS_IN_PROJECT=1 poetry install -q --with test",
    ),
    (
        {"requirements.txt": "flask\npytest\n", ".gitignore": "/.venv"},
        ["test_a.py"],
        ".venv/bin/python -m pytest -q",
        f"{VENV} -r requirements.txt pytest",
    ),
    # The base is in the file for tests already.
    (
        {
            "requirements.txt": "flask\n",
            "requirements-dev.txt": "-r requirements.txt\npytest\n",
            ".gitignore": ".venv",
        },
        ["test_a.py"],
        ".venv/bin/python -m pytest -q",
        f"{VENV} -r requirements-dev.txt pytest",
    ),
    (
        {
            "setup.py": "",
            "tox.ini": "[testenv]\ndeps =\n    pytest<9\n    py27: mock\n    -r{toxinidir}/r.txt\n",
            ".gitignore": ".venv",
        },
        ["tests/test_a.py"],
        ".venv/bin/python -m pytest -q",
        f"{VENV} -e . 'pytest<9' -r r.txt pytest",
    ),
    (
        {
            "setup.py": "",
            "noxfile.py": "@nox.session\ndef tests(session):\n"
            "    session.install('-e', '.[x]', 'pretend')\n    session.run('pytest')\n",
            ".gitignore": ".venv",
        },
        ["tests/test_a.py"],
        ".venv/bin/python -m pytest -q",
        f"{VENV} -e '.[x]' pretend pytest",
    ),
    (
        {"manage.py": "", "requirements.txt": "django", ".gitignore": ".venv"},
        ["app/tests.py"],
        ".venv/bin/python manage.py test",
        f"{VENV} -r requirements.txt",
    ),
    # --- JavaScript and TypeScript ---
    ({"package.json": package("jest", dev=["jest"])}, ["package-lock.json"], "npx jest", NPM),
    # It would wait for changes, or write what a commit picks up.
    (
        {"package.json": package("vitest", dev=["vitest"]), ".gitignore": "node_modules"},
        [],
        "npx vitest run",
        "npm install --no-package-lock",
    ),
    (
        {"package.json": package("jest --watchAll --coverage", dev=["jest"])},
        ["package-lock.json"],
        "npx jest",
        NPM,
    ),
    (
        {"package.json": package("react-scripts test", dev=["react"])},
        ["package-lock.json"],
        "CI=true npx react-scripts test",
        NPM,
    ),
    (
        {"package.json": package("mocha --watch", dev=["mocha"])},
        ["package-lock.json"],
        "npx mocha",
        NPM,
    ),
    ({"package.json": package("node --test")}, [], "npm test", ""),
    # A tester among others: it alone tells of its tests.
    (
        {
            "package.json": json.dumps(
                {
                    "scripts": {
                        "test": "npm run lint && npm run unit",
                        "lint": "eslint .",
                        "unit": "vitest run",
                    },
                    "devDependencies": {"vitest": "1"},
                }
            )
        },
        ["pnpm-lock.yaml"],
        "pnpm exec vitest run",
        "pnpm install --frozen-lockfile && echo '*' > node_modules/.gitignore",
    ),
    # No browser in a check.
    (
        {
            "package.json": json.dumps(
                {
                    "scripts": {"test": "playwright test", "test:unit": "jest src"},
                    "devDependencies": {"jest": "1"},
                }
            ),
            ".gitignore": "node_modules",
        },
        ["yarn.lock"],
        "yarn jest src",
        "yarn install --frozen-lockfile",
    ),
    (
        {"package.json": package("jest", dev=["jest"]), "yarn.lock": "__metadata:\n  version: 8\n"},
        [],
        "yarn jest",
        "yarn install --immutable",
    ),
    (
        {"package.json": package("bun test", dev=["x"]), ".gitignore": "node_modules/"},
        ["bun.lock"],
        "bun run test",
        "bun install --frozen-lockfile",
    ),
    (
        {"package.json": package(dev=["mocha"]), ".gitignore": "node_modules/"},
        ["package-lock.json", "test/a.js"],
        "npx mocha",
        "npm ci",
    ),
    (
        {
            "package.json": package(dev=["mocha"]),
            ".gitignore": "node_modules/",
            ".github/workflows/ci.yml": "jobs:\n  t:\n    steps:\n"
            "      - run: npm install -g npm@9 --force\n"
            "      - run: npm install --no-audit --legacy-peer-deps\n",
        },
        ["test/a.js"],
        "npx mocha",
        "npm install --no-package-lock --legacy-peer-deps",
    ),
    (
        {
            "package.json": json.dumps({"workspaces": ["packages/*"]}),
            "packages/a/package.json": package("vitest", dev=["vitest"]),
            "packages/b/package.json": package(),
            ".gitignore": "node_modules/",
        },
        ["package-lock.json"],
        "in packages/a: npx vitest run",
        "npm ci",
    ),
    (
        {
            "package.json": "{}",
            "pnpm-workspace.yaml": "packages:\n  - 'libs/*'\n",
            "libs/a/package.json": package("jest", dev=["jest"]),
            "libs/b/package.json": package("jest", dev=["jest"]),
            ".gitignore": "node_modules/",
        },
        ["pnpm-lock.yaml"],
        "in libs/a: pnpm exec jest\nin libs/b: pnpm exec jest",
        "pnpm install --frozen-lockfile",
    ),
    ({"package.json": package('echo "Error: no test specified" && exit 1')}, [], "", ""),
    ({"package.json": "[broken"}, [], "", ""),
    # --- Go and Rust ---
    ({"go.mod": "module x"}, ["a_test.go", "go.sum"], "go test ./...", ""),
    (
        {"go.mod": "module x\nrequire y v1.0.0\n"},
        ["a_test.go"],
        "go test ./...",
        "go mod download",
    ),
    ({"go.mod": "require y v1"}, ["a_test.go", "vendor/modules.txt"], "go test ./...", ""),
    (
        {"a/go.mod": "module a\nrequire y v1.0.0\n", "b/go.mod": "module b"},
        ["a/a_test.go", "b/b_test.go"],
        "in a: go test ./...\nin b: go test ./...",
        "cd a && go mod download",
    ),
    (
        {"Cargo.toml": "", ".gitignore": "/target"},
        ["Cargo.lock"],
        "cargo test",
        "cargo fetch",
    ),
    (
        {"Cargo.toml": "[workspace]\nmembers = ['a']\n", "a/Cargo.toml": ""},
        ["Cargo.lock"],
        "cargo test --workspace",
        "cargo fetch && mkdir -p target && echo '*' > target/.gitignore",
    ),
    (
        {
            "Cargo.toml": "",
            ".gitignore": "target",
            ".github/workflows/ci.yml": "jobs:\n  t:\n    steps:\n"
            "      - run: cargo test --all-features --verbose\n",
        },
        ["Cargo.lock"],
        "cargo test --all-features",
        "cargo fetch",
    ),
    # --- Java ---
    (
        {"pom.xml": ""},
        ["src/test/java/ATest.java"],
        "mvn -q -B -o test",
        "mvn -q -B dependency:go-offline",
    ),
    (
        {"build.gradle.kts": ""},
        ["gradlew", "src/test/kotlin/A.kt"],
        "./gradlew --no-daemon --offline test",
        "./gradlew --no-daemon -q testClasses",
    ),
    # --- .NET, PHP, Ruby ---
    (
        {"App.Tests/App.Tests.csproj": "xunit"},
        ["App.sln", "App/App.csproj"],
        "dotnet test --no-restore --nologo",
        "dotnet restore",
    ),
    (
        {"composer.json": '{"require-dev": {"phpunit/phpunit": "11"}}', ".gitignore": "/vendor/"},
        ["composer.lock", "phpunit.xml.dist"],
        "vendor/bin/phpunit",
        "composer install -q --no-interaction",
    ),
    ({"Gemfile": ""}, ["Gemfile.lock", "spec/a_spec.rb"], "bundle exec rspec", RUBY),
    (
        {"roda.gemspec": "s.add_development_dependency 'minitest'", "Rakefile": 'task "spec" do'},
        ["lib/roda.rb", "spec/a_spec.rb"],
        "rake spec",
        "",
    ),
    (
        {"spec/spec_helper.rb": "require 'minitest/autorun'"},
        ["lib/roda.rb", "spec/a_spec.rb"],
        "ruby -Ilib -Ispec -e 'Dir.glob(\"./spec/**/*_spec.rb\").sort.each { |f| require f }'",
        "",
    ),
    (
        {"Gemfile": "", "Rakefile": "Rake::TestTask.new", ".gitignore": ".bundle\nvendor/\n"},
        ["Gemfile.lock", "test/a_test.rb"],
        "bundle exec rake test",
        "bundle config set --local path vendor/bundle && bundle install --quiet",
    ),
    # --- C and C++ ---
    (
        {"CMakeLists.txt": 'project(x)\noption(X_BUILD_TESTS "" OFF)\nadd_test(a b)\n'},
        [],
        "cmake -S . -B build -DX_BUILD_TESTS=ON && cmake --build build --parallel"
        " && ctest --test-dir build --no-tests=error --output-on-failure --output-junit {junit}",
        "",
    ),
    (
        {
            "CMakeLists.txt": "project(x)\nenable_testing()\n",
            "CMakePresets.json": json.dumps(
                {
                    "testPresets": [{"name": "t", "configurePreset": "c"}],
                    "buildPresets": [{"name": "b", "configurePreset": "c"}],
                }
            ),
        },
        [],
        "cmake --preset c && cmake --build --preset b"
        " && ctest --preset t --output-on-failure --output-junit {junit}",
        "",
    ),
    # --- the rest ---
    ({"mix.exs": ""}, ["test/a_test.exs"], "mix test", "mix deps.get"),
    ({"Makefile": "all:\n\ttrue\ntest: all\n\ttrue\n"}, [], "make test", ""),
    ({"Makefile": "test := 1\n"}, [], "", ""),
    ({"justfile": "build:\n    x\ntest *args: build\n    y\n"}, [], "just test", ""),
    ({"README.md": ""}, [], "", ""),
]


@pytest.mark.parametrize(("texts", "more", "check", "setup"), CASES)
def test_an_ecosystem_and_what_it_takes(texts, more, check, setup):
    told = found(texts, more)
    assert ("\n".join(told.check), "\n".join(told.proposed_setup)) == (check, setup)


def test_two_ecosystems_are_both_judged():
    texts = {"package.json": package("x"), "tests/test_a.py": ""}
    assert found(texts).check == ("python3 -m pytest -q", "npm test")


def test_projects_without_one_at_the_root_have_checks_in_their_folders():
    texts = {"api/requirements.txt": "pytest", "web/package.json": package("jest", dev=["jest"])}
    told = found(
        {**texts, "examples/x/go.mod": ""}, ["api/tests/test_a.py", "examples/x/a_test.go"]
    )
    assert told.kinds == ("Python in api", "Node in web")
    assert told.check == ("in api: .venv/bin/python -m pytest -q", "in web: npx jest")
    assert [text.partition(" && ")[0] for text in told.proposed_setup] == ["cd api", "cd web"]


def test_a_makefile_counts_last_where_something_else_tests():
    told = found({"Makefile": "test:\n\tgo test\n", "go.mod": ""}, ["a_test.go"])
    assert [one.check for one in told.parts[0].candidates] == [
        ("go test ./...",),
        ("go test -short ./...",),
        ("make test",),
    ]


def test_submodules_come_first():
    told = found({".gitmodules": "", "Cargo.toml": "", ".gitignore": "target"}, ["Cargo.lock"])
    assert told.proposed_setup == ("git submodule update --init --recursive", "cargo fetch")


@pytest.mark.parametrize(
    ("script", "extra"),
    [
        ("xo && ava && tsd", ("npx xo", "npx tsd")),
        ("jest", ("npm run typecheck",)),
        ("npm run typecheck && jest", ("npm run typecheck",)),
    ],
)
def test_what_the_project_runs_beside_its_tests(script, extra):
    scripts = {"test": script}
    if "xo" not in script:
        scripts["typecheck"] = "tsc --noEmit"
    texts = {"package.json": json.dumps({"scripts": scripts, "devDependencies": {"x": "1"}})}
    assert found(texts, ["package-lock.json"]).extra == extra


def test_versions_that_files_ask_for():
    texts = {
        ".python-version": "3.12.1\n",
        "pyproject.toml": '[project]\nname = "x"\nrequires-python = ">=3.10"\n',
        ".nvmrc": "v20\n",
        "package.json": package("x", engines={"node": ">=18"}, packageManager="pnpm@10.1.0"),
        "go.mod": "module x\n\ngo 1.22\n",
        "rust-toolchain.toml": '[toolchain]\nchannel = "1.80"\n',
        "Cargo.toml": "",
        "global.json": '{"sdk": {"version": "8.0.100"}}',
        "a.csproj": "",
    }
    parts: tuple[Project, ...] = found(texts, ["test_a.py", "a_test.go"]).parts
    told = {(one.program, one.version, one.file) for part in parts for one in part.versions}
    assert told == {
        ("python3", "3.12.1", ".python-version"),
        ("python3", ">=3.10", "pyproject.toml"),
        ("node", "20", ".nvmrc"),
        ("pnpm", "10", "package.json"),
        ("node", ">=18", "package.json"),
        ("go", "1.22", "go.mod"),
        ("rustc", "1.80", "rust-toolchain.toml"),
        ("dotnet", "8.0.100", "global.json"),
    }


def test_nothing_of_examples_or_other_peoples_code_is_read():
    files = ["package.json", "node_modules/x/package.json", "vendor/y/go.mod", "docs/setup.py"]
    assert read_first(files) == ("package.json",)


@pytest.mark.parametrize(
    ("wanted", "file", "here", "will_do"),
    [
        ("3.12", ".python-version", "3.12.4", True),
        ("3.12.1", ".python-version", "3.11.7", False),
        ("20", ".nvmrc", "20.20.2", True),
        ("lts/iron", ".nvmrc", "20.20.2", None),
        ("1.22", "go.mod", "1.19.8", False),
        ("1.19", "go.mod", "1.22.1", True),
        (">=3.10,<4", "pyproject.toml", "3.11.7", True),
        (">=18 <20 || >=22", "package.json", "20.1.0", False),
        (">= 0.10", "package.json", "20.1.0", True),
        ("^8.1 || ^9.0", "composer.json", "8.2.36", True),
        ("^8.3", "composer.json", "8.2.36", False),
        ("~> 3.1", ".ruby-version", "3.3.0", True),
        ("17", "pom.xml", "21.0.1", True),
    ],
)
def test_a_version_that_is_here_against_one_that_is_asked_for(wanted, file, here, will_do):
    assert satisfies(WantedVersion("x", wanted, file), here) is will_do


def test_the_version_in_what_a_program_says():
    assert number_of("go version go1.19.8 linux/amd64") == "1.19.8"
    assert number_of('openjdk version "17.0.15" 2025-04-15') == "17.0.15"

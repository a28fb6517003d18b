"""Ecosystems with little to choose: Ruby, PHP, .NET, Elixir, Deno and Swift."""

import re
from collections.abc import Iterator

from wtman.config.detect.folder import ProjectFolder, json_table, table
from wtman.config.detect.model import Candidate, Project, WantedVersion

_RUBY_TEXT = re.compile(r"Gemfile|[\w.-]+\.gemspec|Rakefile|spec/(?:spec|test)_helper\.rb")


def ruby(place: ProjectFolder) -> Project | None:
    """Bundler or not; RSpec, minitest, Rails."""
    bundled = place.first("Gemfile", "gems.rb")
    specs = place.has_any(r"spec/.*_spec\.rb", "_spec.rb")
    tests = place.has_any(r"test/(?:.*_test|.*/?test_[^/]*)\.rb", ".rb")
    if not bundled and not (place.ending("rb") and (specs or tests or "Rakefile" in place)):
        return None
    run, setups = "", [""]
    if bundled:
        hidden = "".join(place.hide(name) for name in ("vendor/bundle", ".bundle"))
        if {"vendor", ".bundle"} & place.ignores:
            hidden = "".join(
                place.hide(name) for name in ("vendor", ".bundle") if name not in place.ignores
            ).replace(" vendor/", " vendor/bundle/")
        install = "bundle config set --local path vendor/bundle && bundle install --quiet"
        # The gems of this machine will do where none can be had from elsewhere.
        run, setups = "bundle exec ", [install + hidden, "bundle install --local --quiet"]
    rails = "bin/rails" in place
    found = [
        place.candidate(check, setup, why)
        for setup in setups
        for check, why in _ruby_checks(place, run, specs, tests, rails)
    ]
    said = place.text(".ruby-version").split()
    asked = said[0].removeprefix("ruby-") if said else ""
    versions = (WantedVersion("ruby", asked, ".ruby-version", exact=True),) if said else ()
    lint = (place.check(f"{run}rubocop"),) if ".rubocop.yml" in place else ()
    notes = []
    locked = place.first("Gemfile.lock", "gems.locked") or "Gemfile.lock" in place.ignores
    if bundled and not locked:
        notes.append("Gemfile.lock is neither in git nor in .gitignore: sessions would commit it")
    return Project("Ruby", place.name, tuple(found), (), lint, versions, tuple(notes))


def _ruby_checks(
    place: ProjectFolder, run: str, specs: bool, tests: bool, rails: bool
) -> Iterator[tuple[str, str]]:
    rakefile = place.text("Rakefile")
    if specs and _is_minitest(place):
        if task := re.search(r"task\b[\s(]*[:\"']?(spec|test)\b", rakefile):
            yield f"{run}rake {task[1]}", "Rakefile"
        glob = "spec/**/*_spec.rb"
        yield f"{run}ruby -Ilib -Ispec {_each(glob)}", "spec/, minitest"
    elif specs:
        yield f"{run}rspec", "spec/"
    if tests and rails:
        yield "bin/rails test", "bin/rails and test/"
    if tests and re.search(r"TestTask|:test\b|Minitest", rakefile):
        yield f"{run}rake test", "Rakefile"
    if tests:
        yield f"{run}ruby -Ilib -Itest {_each('test/**/{*_test,test_*}.rb')}", "test/"


def _each(glob: str) -> str:
    return f"-e 'Dir.glob(\"./{glob}\").sort.each {{ |f| require f }}'"


def _is_minitest(place: ProjectFolder) -> bool:
    """Whether the specs are those of minitest, which looks for them where RSpec does."""
    said = "\n".join(text for name, text in place.texts.items() if _RUBY_TEXT.fullmatch(name))
    return "minitest" in said and "rspec" not in said.lower() and ".rspec" not in place


def php(place: ProjectFolder) -> Project | None:
    """Composer; PHPUnit, Pest or the project's own test script."""
    configured = place.first("phpunit.xml", "phpunit.xml.dist", "phpunit.dist.xml")
    composed = "composer.json" in place
    if not composed and not configured:
        return None
    composer = json_table(place.text("composer.json"))
    needs = {**table(composer, "require"), **table(composer, "require-dev")}
    setup = f"composer install -q --no-interaction{place.hide('vendor')}" if composed else ""
    found = []
    if "pestphp/pest" in needs:
        found.append(place.candidate("vendor/bin/pest", setup, "pest in composer.json"))
    elif "phpunit/phpunit" in needs or (composed and configured):
        found.append(place.candidate("vendor/bin/phpunit", setup, configured or "composer.json"))
    if isinstance(table(composer, "scripts").get("test"), (str, list)):
        found.append(place.candidate("composer test", setup, "composer.json: scripts.test"))
    tested = configured or place.has_any(r"tests?/.*Test\.php")
    if "symfony/phpunit-bridge" in needs:
        found.append(place.candidate("vendor/bin/simple-phpunit", setup, "composer.json"))
    if tested and "phpunit/phpunit" not in needs:
        where = "" if configured else " tests" if place.has_any(r"tests/.*") else " test"
        found.append(place.candidate(f"phpunit{where}", setup, configured or "its tests"))
    asked = table(composer, "require").get("php")
    versions = (WantedVersion("php", asked, "composer.json"),) if isinstance(asked, str) else ()
    lint = []
    if place.first("phpstan.neon", "phpstan.neon.dist", "phpstan.dist.neon"):
        lint.append(place.check("vendor/bin/phpstan analyse --no-progress"))
    notes = []
    if setup and "composer.lock" not in place and "composer.lock" not in place.ignores:
        notes.append("composer.lock is neither in git nor in .gitignore: sessions would commit it")
    return Project("PHP", place.name, tuple(found), (), tuple(lint), versions, tuple(notes))


def dotnet(place: ProjectFolder) -> Project | None:
    """`dotnet test` on the solution or the test projects."""
    solutions = sorted(path for path in place.ending("sln", "slnx") if "/" not in path)
    solution = solutions[0] if solutions else ""
    here = sorted(place.ending("csproj", "fsproj", "vbproj"))
    if not solution and not any("/" not in path for path in here):
        return None
    test = re.compile(r"Microsoft\.NET\.Test\.Sdk|xunit|NUnit|MSTest|TUnit", re.IGNORECASE)
    tested = any(
        re.search(r"tests?\b", path, re.IGNORECASE) or test.search(place.text(path))
        for path in here
    )
    what = f" {solution}" if len(solutions) > 1 else ""
    found: list[Candidate] = []
    if tested:
        setup = f"dotnet restore{what}"
        found = [
            place.candidate(f"dotnet test{what} --no-restore --nologo", setup, solution or here[0])
        ]
    sdk = table(json_table(place.text("global.json")), "sdk").get("version")
    versions = (WantedVersion("dotnet", sdk, "global.json"),) if isinstance(sdk, str) else ()
    notes = [
        f"{name} is not in .gitignore: add it, or sessions would commit it"
        for name in ("bin", "obj")
        if not {
            name,
            name.capitalize(),
            f"[{name[0].upper()}{name[0]}]{name[1:]}",
            f"[{name[0]}{name[0].upper()}]{name[1:]}",
        }
        & place.ignores
    ]
    return Project(".NET", place.name, tuple(found), (), (), versions, tuple(notes))


_SIMPLE = (
    ("mix.exs", "Elixir", "mix test", "mix deps.get", r"test/.*_test\.exs"),
    ("deno.json", "Deno", "deno test -A", "deno install", r".*[._]test\.[jt]sx?"),
    ("deno.jsonc", "Deno", "deno test -A", "deno install", r".*[._]test\.[jt]sx?"),
    ("Package.swift", "Swift", "swift test", "swift package resolve", r"Tests/.*\.swift"),
    ("build.zig", "Zig", "zig build test", "", r".*\.zig"),
    ("pubspec.yaml", "Dart", "dart test", "dart pub get", r"test/.*_test\.dart"),
)


def simple(place: ProjectFolder) -> Project | None:
    """One file tells all."""
    for mark, kind, check, setup, tests in _SIMPLE:
        if mark in place:
            found = (place.candidate(check, setup, mark),) if place.has_any(tests) else ()
            return Project(kind, place.name, found)
    return None

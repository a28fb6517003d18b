"""JavaScript and TypeScript: npm, pnpm, yarn and bun; what a script of package.json comes to."""

import re
from collections.abc import Iterator
from shlex import quote

from wtman.config.detect.folder import ProjectFolder, json_table, strings, table
from wtman.config.detect.model import Candidate, Project, WantedVersion
from wtman.model.values import dataclass

_MANY = 6  # packages of a workspace that get a check of their own
_RUNNERS = r"(?:vitest|jest|mocha|ava|tap|uvu|jasmine|tape|lab|qunit|node --test|bun test)"
_TEST = re.compile(
    rf"(?:cross-env\s+)?(?:[A-Z_]+=\S+\s+)*(?:(?:c8|nyc)(?:\s+-\S+)*\s+)?(?:npx\s+)?"
    rf"(?:{_RUNNERS}\b|node\s.*(?:--test|\btests?\b)|tsx\s.*--test|deno test|react-scripts test)"
)
_BROWSER = re.compile(
    r"playwright|cypress|puppeteer|karma|wdio|webdriver|nightwatch|testcafe|ng test|ng e2e"
    r"|--browser\b|selenium|storybook"
)
_TYPES = re.compile(r"(?:npx\s+)?(?:tsc|tsd|tsgo|vue-tsc|svelte-check|flow|attw)\b")
_LINT = re.compile(
    r"(?:npx\s+)?(?:eslint|xo|biome|prettier|oxlint|oxfmt|standard|tslint|stylelint)\b"
)
_TYPE_SCRIPTS = (
    "typecheck",
    "type-check",
    "check-types",
    "types:check",
    "check:types",
    "test:types",
    "tsc",
    "types",
)
_UNIT_SCRIPTS = (
    "test:unit",
    "test-unit",
    "unit",
    "test:ci",
    "test-ci",
    "test:node",
    "test:run",
    "test:nodejs",
    "test:once",
)
_LOCKS = (
    ("pnpm-lock.yaml", "pnpm"),
    ("yarn.lock", "yarn"),
    ("bun.lockb", "bun"),
    ("bun.lock", "bun"),
    ("package-lock.json", "npm"),
    ("npm-shrinkwrap.json", "npm"),
)


@dataclass(frozen=True, slots=True)
class _Tool:
    """A package manager: what installs, runs a script, and runs a program of a package."""

    name: str
    install: str
    run: str
    exec: str

    def script(self, name: str) -> str:
        """The command for a script."""
        plain = name == "test" and self.name != "bun"  # `bun test` is its own runner
        return f"{self.name} {name}" if plain else f"{self.run} {quote(name)}"


def look(place: ProjectFolder) -> Project | None:
    """The package or workspace here."""
    if "package.json" not in place:
        return None
    package = place.package
    tool = _tool(place)
    depends = any(package.get(key) for key in ("dependencies", "devDependencies"))
    depends |= bool(_members(place)) or tool.name != "npm"
    hidden = "" if _is_plug_and_play(place, tool) else place.hide("node_modules")
    setup = f"{tool.install}{_ci_flags(place, tool)}{hidden}" if depends else ""
    leaves = list(_leaves(place, "test")) if _is_real(place, "test") else []
    found = list(_candidates(place, tool, setup, leaves))
    if not found and not depends:
        return None
    extra = [_command(tool, leaf) for leaf in leaves if leaf.kind in ("types", "lint")]
    typed = next((name for name in _TYPE_SCRIPTS if _is_real(place, name)), "")
    if typed and not any(leaf.kind == "types" for leaf in leaves):
        extra.append(tool.script(typed))
    elif (
        not typed and "tsconfig.json" in place and "typescript" in table(package, "devDependencies")
    ):
        if not any(leaf.kind == "types" for leaf in leaves):
            extra.append(f"{tool.exec} tsc --noEmit")
    linted = [leaf.script for leaf in leaves]
    lint = [tool.script("lint")] if _is_real(place, "lint") and "lint" not in linted else []
    lint = [text for text in lint if text not in extra]
    return Project(
        "Node",
        place.name,
        tuple(dict.fromkeys(found)),
        tuple(place.check(text) for text in dict.fromkeys(extra)) if found else (),
        tuple(map(place.check, lint)),
        tuple(_versions(place)),
        tuple(_notes(place, depends)),
    )


def is_workspace(place: ProjectFolder) -> bool:
    """Whether packages below belong to the one here."""
    return bool(_patterns(place))


# --- what tests -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Leaf:
    """One command that a script comes to. `script` is whose text it is, when it is all of it."""

    text: str
    script: str = ""

    @property
    def kind(self) -> str:
        """`test`, `browser`, `types`, `lint` or `other`."""
        if _BROWSER.search(self.text):
            return "browser"
        kinds = (("test", _TEST), ("types", _TYPES), ("lint", _LINT))
        return next((kind for kind, pattern in kinds if pattern.match(self.text)), "other")


def _scripts(place: ProjectFolder) -> dict[str, str]:
    scripts = table(place.package, "scripts")
    return {name: text for name, text in scripts.items() if isinstance(text, str)}


def _is_real(place: ProjectFolder, name: str) -> bool:
    text = _scripts(place).get(name, "")
    return bool(text.strip()) and "no test specified" not in text and text.strip() != "exit 0"


def _leaves(place: ProjectFolder, name: str, depth: int = 4) -> Iterator[_Leaf]:
    """What a script comes to, through other scripts that it runs one after the other."""
    scripts = _scripts(place)
    text = scripts[name].strip()
    parts = [part.strip() for part in text.split("&&")]
    for part in parts:
        inner = re.fullmatch(
            r"(?:npm|pnpm|yarn|bun)\s+(?:run\s+|run-script\s+)?(?:-s\s+)?([\w:.-]+)", part
        )
        called = inner[1] if inner else ""
        if called in ("t", "tst"):
            called = "test"
        if called in scripts and called != name and depth:
            yield from _leaves(place, called, depth - 1)
        elif inner and called not in scripts and re.match(_RUNNERS, called):
            yield _Leaf(called)
        else:
            part = (
                re.sub(r"^(?:pnpm|yarn|bunx?|npx)\s+(?=\S+)(?!run\b)(?:exec\s+)?", "", part)
                if (re.match(rf"(?:pnpm|yarn|bunx?|npx)\s+(?:exec\s+)?{_RUNNERS}", part))
                else part
            )
            yield _Leaf(part, name if len(parts) == 1 else "")


def _command(tool: _Tool, leaf: _Leaf) -> str:
    """How a leaf is run from outside of npm: test runners that say which test failed by
    themselves, else by their script, else by what finds programs of packages."""
    text = _once(leaf.text)
    if re.match(r"(?:vitest|jest)\b", text):
        return f"{tool.exec} {text}"
    if leaf.script and text == leaf.text:
        return tool.script(leaf.script)
    if re.match(r"(?:node|bun test|npx|deno|[A-Z_]+=)", text):
        return text
    return f"{tool.exec} {text}"


def _once(text: str) -> str:
    """A runner's command without what makes it wait for changes."""
    text = re.sub(r"\s+--(?:watch|watchAll|ui)(?:=\S+)?\b", "", text)
    text = re.sub(r"\s+--coverage(?:\.\S+|=\S+)?(?=\s|$)", "", text)
    if re.match(r"vitest\b", text):
        rest = re.sub(r"^vitest(?:\s+(?:run|watch|dev))?\b|\s--run\b", "", text).strip()
        return f"vitest run {rest}".strip()
    if re.match(r"react-scripts test", text):
        return f"CI=true npx {text}"
    return text


def _candidates(
    place: ProjectFolder, tool: _Tool, setup: str, leaves: list[_Leaf]
) -> Iterator[Candidate]:
    scripts = _scripts(place)
    tests = [leaf for leaf in leaves if leaf.kind == "test"]
    said = "CI runs it" if place.in_ci(_called(tool, "test")) else "package.json: scripts.test"
    unit = next((name for name in _UNIT_SCRIPTS if _is_real(place, name)), "")
    named = re.match(r"\S+ (?:run )?(test[\w:.-]*)$", place.in_ci(_called(tool, r"test[:.-]\w+")))
    if not leaves and named and _is_real(place, named[1]):
        unit = named[1]
    browsers = any(leaf.kind == "browser" for leaf in leaves)
    if tests:
        yield place.candidate([_command(tool, leaf) for leaf in tests], setup, said)
    if (not leaves or browsers) and unit:
        units = [leaf for leaf in _leaves(place, unit) if leaf.kind == "test"]
        texts = [_command(tool, leaf) for leaf in units] or [tool.script(unit)]
        yield place.candidate(texts, setup, f"package.json: scripts.{unit}")
    if leaves and not browsers:
        yield place.candidate(_whole(tool, scripts["test"]), setup, said)
        if tests and tool.name not in ("npm", "bun"):
            plain = [_command(_NPM, leaf) for leaf in tests]
            yield place.candidate(plain, setup, f"{said}, without {tool.name}")
    if not leaves and (members := list(_tested_members(place))):
        yield from _of_members(place, tool, setup, members)
    if not leaves and not unit:
        yield from _by_runner(place, tool, setup)
    if _is_real(place, "build") and (tests or leaves):
        texts = [_command(tool, leaf) for leaf in tests] or [tool.script("test")]
        yield place.candidate(
            f"{tool.script('build')} && {' && '.join(texts)}",
            setup,
            "package.json: scripts.build, then its tests",
        )


def _whole(tool: _Tool, text: str) -> str:
    watches = "react-scripts test" in text or "--watch" in text
    return f"CI=true {tool.script('test')}" if watches else tool.script("test")


def _called(tool: _Tool, name: str) -> str:
    return rf"{tool.name} (?:run )?{name}\s*$"


def _by_runner(place: ProjectFolder, tool: _Tool, setup: str) -> Iterator[Candidate]:
    """Where no script tests: a runner that is there with tests for it."""
    packages = {**table(place.package, "devDependencies"), **table(place.package, "dependencies")}
    tests = place.has_any(
        r"(?:.*/)?(?:[^/]+\.(?:test|spec)\.[cm]?[jt]sx?|__tests__/.*|tests?/.*\.[cm]?[jt]sx?)"
    )
    for name, command in (
        ("vitest", "vitest run"),
        ("jest", "jest"),
        ("mocha", "mocha"),
        ("ava", "ava"),
    ):
        if name in packages and tests:
            yield place.candidate(f"{tool.exec} {command}", setup, f"{name} in package.json")
    if tool.name == "bun" and tests:
        yield place.candidate("bun test", setup, "bun.lock and test files")
    if place.has_any(r"(?:.*/)?(?:[^/]+[.-]test\.[cm]?js|test/.*\.[cm]?js)", "test"):
        yield place.candidate("node --test", setup, "files that are called as tests")


# --- workspaces -------------------------------------------------------------------------------


def _patterns(place: ProjectFolder) -> list[str]:
    spaces = place.package.get("workspaces")
    found = strings(spaces) or strings(table(place.package, "workspaces").get("packages"))
    text = place.text("pnpm-workspace.yaml")
    listed = re.search(r"(?m)^packages:\s*\n((?:\s*(?:#.*)?\n|\s*-\s.*\n?)+)", text)
    if listed:
        found += re.findall(r"(?m)^\s*-\s*['\"]?([^'\"#\n]+?)['\"]?\s*(?:#.*)?$", listed[1])
    return found + strings(json_table(place.text("lerna.json")).get("packages"))


def _members(place: ProjectFolder) -> list[str]:
    """Folders of the workspace's packages."""
    from fnmatch import fnmatchcase

    patterns = [
        re.sub(r"^\./|/+$", "", text) for text in _patterns(place) if not text.startswith("!")
    ]
    not_in = [text[1:].strip("/") for text in _patterns(place) if text.startswith("!")]
    folders = sorted(
        path.removesuffix("/package.json") for path in place.files if path.endswith("/package.json")
    )
    return [
        folder
        for folder in folders
        if any(
            fnmatchcase(folder, text)
            and (text.endswith("**") or folder.count("/") == text.count("/"))
            for text in patterns
        )
        and not any(fnmatchcase(folder, text) for text in not_in)
    ]


def _tested_members(place: ProjectFolder) -> Iterator[ProjectFolder]:
    for folder in _members(place):
        member = place.inner(folder)
        if _is_real(member, "test") or _is_real(member, "test:unit"):
            yield member


def _of_members(
    place: ProjectFolder, tool: _Tool, setup: str, members: list[ProjectFolder]
) -> Iterator[Candidate]:
    """A check a package in its folder, or one for all where these are many."""
    why = "tests of the workspace's packages"
    install = place.candidate((), setup).setup
    if len(members) <= _MANY:
        checks: list[str] = []
        for member in members:
            name = "test" if _is_real(member, "test") else "test:unit"
            leaves = [leaf for leaf in _leaves(member, name) if leaf.kind == "test"]
            texts = [_command(tool, leaf) for leaf in leaves] or [tool.script(name)]
            checks += [member.check(text) for text in texts]
        yield Candidate(tuple(checks), install, why)
        plain = tuple(member.check(tool.script("test")) for member in members)
        yield Candidate(plain, install, why)
    packages = table(place.package, "devDependencies")
    if "turbo.json" in place and "turbo" in packages:
        yield place.candidate(f"{tool.exec} turbo run test", setup, "turbo.json")
    if "nx.json" in place and "nx" in packages:
        text = f"NX_DAEMON=false {tool.exec} nx run-many -t test"
        yield place.candidate(text, setup, "nx.json")
    yield place.candidate(_EACH[tool.name], setup, why)


_EACH = {
    "npm": "npm test --workspaces --if-present",
    "pnpm": "pnpm -r --if-present test",
    "yarn": "yarn workspaces run test",
    "berry": "yarn workspaces foreach -A run test",
    "bun": "bun run --filter '*' test",
}


# --- package managers -------------------------------------------------------------------------


def _tool(place: ProjectFolder) -> _Tool:
    lock, name = next((row for row in _LOCKS if row[0] in place), ("", ""))
    declared = str(place.package.get("packageManager", ""))
    name = name or declared.partition("@")[0] or "npm"
    if name == "pnpm":
        words = "--frozen-lockfile" if lock else "--no-lockfile"
        return _Tool("pnpm", f"pnpm install {words}", "pnpm run", "pnpm exec")
    if name == "yarn":
        berry = "__metadata:" in place.text("yarn.lock") or ".yarnrc.yml" in place
        berry = berry or re.match(r"yarn@[2-9]", declared) is not None
        if berry:
            words = " --immutable" if lock else ""
            return _Tool("yarn", f"yarn install{words}", "yarn run", "yarn")
        words = "--frozen-lockfile" if lock else "--no-lockfile"
        return _Tool("yarn", f"yarn install {words}", "yarn run", "yarn")
    if name == "bun":
        words = "--frozen-lockfile" if lock else "--no-save"
        return _Tool("bun", f"bun install {words}", "bun run", "bunx")
    return _NPM if lock else _Tool("npm", "npm install --no-package-lock", "npm run", "npx")


_NEEDED = re.compile(
    r" --(?:legacy-peer-deps|force|ignore-(?:engines|scripts|platform)|shamefully-hoist"
    r"|(?:no-)?strict-peer-d\w+(?:=false)?)(?= |$)"
)


def _ci_flags(place: ProjectFolder, tool: _Tool) -> str:
    """What CI gives the install of this package manager, without which it may fail."""
    said = place.in_ci(rf"{tool.name}(?= .*--)(?: (?:ci|i|install|--[\w=-]+))+$")
    flags = [match[0] for match in _NEEDED.finditer(said)]
    return "".join(flag for flag in dict.fromkeys(flags) if flag not in tool.install)


def _is_plug_and_play(place: ProjectFolder, tool: _Tool) -> bool:
    """Whether yarn 2 and later makes no node_modules."""
    berry = tool.name == "yarn" and "--" not in tool.install.replace("--immutable", "")
    return berry and "nodeLinker: node-modules" not in place.text(".yarnrc.yml")


_NPM = _Tool("npm", "npm ci", "npm run", "npx")


def _versions(place: ProjectFolder) -> Iterator[WantedVersion]:
    for name in (".nvmrc", ".node-version"):
        if said := place.text(name).split():
            yield WantedVersion("node", said[0].removeprefix("v"), name)
    declared = re.match(r"(pnpm|yarn|bun)@(\d+)", str(place.package.get("packageManager", "")))
    if declared:
        yield WantedVersion(declared[1], declared[2], "package.json")
    asked = table(place.package, "engines").get("node")
    if isinstance(asked, str):
        yield WantedVersion("node", asked, "package.json")


def _notes(place: ProjectFolder, depends: bool) -> Iterator[str]:
    browsers = [
        name for name, text in _scripts(place).items() if "test" in name and _BROWSER.search(text)
    ]
    if browsers:
        yield f"{', '.join(browsers[:3])}: needs a browser, which checks do not have"

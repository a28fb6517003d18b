"""What installers of JavaScript follow from: npm, yarn, pnpm and bun.

They read manifests and lock files, and run scripts: those of the project and its workspaces,
and those of packages, a few of which look into the project that they are installed in.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from wtman.formats.shell_commands import SimpleCommand, relative
from wtman.provision.inputs.model import (
    NOTHING,
    Inputs,
    TreeFiles,
    all_of,
    files_of,
    folder_of,
    table,
    whole,
    within,
)

_MANIFESTS = (
    *("package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml"),
    *("bun.lock", "bun.lockb", ".npmrc", ".yarnrc", ".yarnrc.yml", "pnpm-workspace.yaml"),
    *(".pnpmfile.cjs", ".pnpmfile.mjs", "pnpmfile.js", "bunfig.toml", "lerna.json", ".nvmrc"),
    *(".node-version", ".tool-versions", ".pnp.cjs", ".pnp.loader.mjs"),
)
_INSTALLS: Mapping[str, tuple[str, ...]] = {
    "npm": ("ci", "install", "i", "clean-install", "install-clean"),
    "pnpm": ("install", "i"),
    "yarn": ("", "install"),
    "bun": ("install", "i", "ci"),
}
# Options that say in which folder to work.
_FOLDER = ("--prefix", "-C", "--dir", "--cwd")
_AT_INSTALL = (
    *("preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare"),
    *("postprepare", "pnpm:devPreinstall", "dependencies"),
)
# What such scripts often run, and what that reads of the tree.
_SCRIPTS: Mapping[str, tuple[str, ...]] = {
    "husky": (".husky", ".huskyrc", ".huskyrc.json"),
    "patch-package": ("patches",),
    "is-ci": (),
    "true": (),
}
# Packages whose own scripts read nothing of the project that they are installed in.
_APART = frozenset(
    "@apollo/protobufjs @bufbuild/buf @datadog/native-appsec @parcel/watcher @scarf/scarf "
    "@sentry/cli @swc/core @tree-sitter-grammars/tree-sitter-yaml @vscode/vsce-sign argon2 "
    "bcrypt better-sqlite3 bufferutil bun canvas chromedriver classic-level core-js "
    "core-js-bundle core-js-pure couchbase cpu-features cypress deasync dtrace-provider "
    "electron es5-ext esbuild farmhash ffi-napi ffmpeg-static fsevents gifsicle grpc-tools "
    "hiredis iconv isolated-vm jpegtran-bin keytar leveldown libpq lmdb microtime mongodb-"
    "memory-server mozjpeg msgpackr-extract msw-storybook-addon node-pty node-sass "
    "nodegit optipng-bin phantomjs-prebuilt pngquant-bin preact prebuild-install protobufjs "
    "re2 ref-napi register-scheme robotjs rolldown rollup sass-embedded serialport sharp "
    "snappy spawn-sync sqlite3 ssh2 styled-components svelte-preprocess tree-sitter "
    "tree-sitter-json tree-sitter-yaml ttag-cli unix-dgram unrs-resolver usb utf-8-validate "
    "utp-native vue-demi wd workerd yarn zeromq".split()
)
# Packages whose scripts read this of the project.
_READERS: Mapping[str, tuple[str, ...]] = {
    "@prisma/client": ("*.prisma", "prisma.config.*"),
    "@prisma/engines": (),
    "prisma": (),
    "puppeteer": (".puppeteerrc*", "puppeteer.config.*"),
    "husky": (".huskyrc*",),
    "lefthook": ("lefthook.*", ".lefthook.*", "lefthook-local.*", ".lefthook-local.*"),
    "simple-git-hooks": (".simple-git-hooks*", "simple-git-hooks.*"),
}
_CURIOUS = ("nx", "ngcc", "@nrwl/cli", "electron-nightly", "msw", "node-gyp-build-optional")
_IN_PROJECT = re.compile(r"(?m)^nodeLinker:\s*[\"']?node-modules\b")
_NAMED = re.compile(r"[\w@./-]+")


def inputs(command: SimpleCommand, tree: TreeFiles) -> Inputs | None:
    """What a command follows from; None where it is none of these."""
    program, *args = command.words
    tool = program.rpartition("/")[2]
    if tool == "corepack":
        return files_of(tree.called("package.json")) if args[:1] == ["enable"] else None
    if tool not in _INSTALLS:
        return None
    found = _read_options(args, command.folder)
    if found is None:
        return None
    folder, options, words = found
    if (words[0] if words else "") not in _INSTALLS[tool] or any(map(_is_path, words[1:])):
        return None
    if options & {"-g", "--global", "--location"}:
        return None
    return _install(folder, "--ignore-scripts" in options, tree)


def manifests(tree: TreeFiles) -> frozenset[str]:
    """Every manifest, lock file and setting that installers read, and their patches."""
    named = tree.called(*_MANIFESTS)
    places = {within(folder_of(path), name) for path in named for name in (".yarn", "patches")}
    patched = _patched(named, tree)
    return named | tree.below(*places) | patched


def _read_options(args: list[str], folder: str) -> tuple[str, frozenset[str], list[str]] | None:
    """The folder that is worked in, the options, and the words that are none."""
    options, words, rest = set[str](), list[str](), list(args)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if name in _FOLDER:
            value = value if equals else (rest.pop(0) if rest else "")
            moved = relative(folder, value) if value else None
            if moved is None:
                return None
            folder = moved
        elif word.startswith("-"):
            options.add(name)
        else:
            words.append(word)
    return folder, frozenset(options), words


def _is_path(word: str) -> bool:
    return word.startswith((".", "/", "file:", "link:")) or word.endswith((".tgz", ".tar.gz"))


def _install(folder: str, quiet: bool, tree: TreeFiles) -> Inputs:
    # Without this setting yarn 2 and later leave what they fetch in their cache.
    settings = [tree.read(path) for path in sorted(tree.called(".yarnrc.yml"))]
    cached = any(not _IN_PROJECT.search(text) for text in settings)
    found = [Inputs(manifests(tree), fetches=cached)]
    for path in _projects(folder, tree):
        project = tree.json(path)
        if project is None:
            return whole(f"{path} cannot be read")
        found.append(_project(project, path, quiet, tree))
    if not quiet:
        if gyp := tree.called("binding.gyp"):
            return whole(f"{min(gyp)} is built by an install")
        found += _scripts_of_packages(tree)
    return all_of(found)


def _projects(folder: str, tree: TreeFiles) -> Iterator[str]:
    """The manifests of the project and of what may be its workspaces."""
    every = sorted(path for path in tree.called("package.json") if "node_modules/" not in path)
    roots = [path for path in every if folder_of(path) in ("", folder)]
    has_workspaces = tree.called("pnpm-workspace.yaml", "lerna.json") or any(
        "workspaces" in (tree.json(path) or {"workspaces": ()}) for path in roots
    )
    # Without workspaces a manifest elsewhere is another project, or data of a test.
    yield from every if has_workspaces else roots


def _project(project: Mapping[str, Any], path: str, quiet: bool, tree: TreeFiles) -> Inputs:
    """What one of the tree's own manifests has an install do."""
    packed: list[Inputs] = []
    for kind in ("dependencies", "devDependencies", "optionalDependencies", "overrides"):
        for name, version in table(project, kind).items():
            if str(version).startswith(("file:", "portal:", ".", "/")):
                place = relative(folder_of(path), str(version).removeprefix("file:"))
                if place not in tree.paths:
                    return whole(f"{path} installs {name} from {version}")
                packed.append(files_of((place,)))  # an archive
    bins = project.get("bin", ())
    targets = bins.values() if isinstance(bins, dict) else (bins or (),)[:1]
    places = (relative(folder_of(path), str(place)) for place in targets if place)
    # A link to a program is made only where the program is.
    bound = frozenset(place for place in places if place and tree.has(place))
    found = [*packed, Inputs(names=bound)]
    for name in () if quiet else _AT_INSTALL:
        script = table(project, "scripts").get(name)
        if script is not None:
            found.append(_script(str(script), name, path, tree))
    return all_of(found)


def _script(text: str, name: str, path: str, tree: TreeFiles) -> Inputs:
    """What one script follows from, where it only runs what is known."""
    places: set[str] = set()
    for part in re.split(r"&&|\|\||;", text):
        program, *args = part.split() or [""]
        wanted = _SCRIPTS.get(program)
        if wanted is None or not all(word in ("install", "||", "true") for word in args):
            return whole(f"{path} runs `{text}` at {name}")
        places.update(within(folder_of(path), place) for place in wanted)
    return files_of(tree.below(*places) | (places & tree.paths))


def _scripts_of_packages(tree: TreeFiles) -> Iterator[Inputs]:
    """What the scripts of packages read of the project."""
    for path in tree.called("package-lock.json", "npm-shrinkwrap.json"):
        locked = tree.json(path)
        if locked is None:
            yield whole(f"{path} cannot be read")
            continue
        for place, facts in table(locked, "packages").items():
            if (
                isinstance(facts, dict)
                and facts.get("hasInstallScript")
                and "node_modules/" in place
            ):
                name = str(facts.get("name") or place.rpartition("node_modules/")[2])
                yield _script_of_package(name, tree)
        if locked.get("lockfileVersion", 0) in (0, 1):
            yield whole(f"{path} does not say which packages run scripts")
    # Other lock files do not say whose scripts are run: those that are known to look around.
    texts = " ".join(map(tree.read, tree.called("yarn.lock", "pnpm-lock.yaml", "bun.lock")))
    if tree.called("bun.lockb") and not texts:
        yield whole("bun.lockb does not say which packages run scripts")
    names = {name for word in _NAMED.findall(texts) if (name := _package_name(word))}
    for name in sorted(names & {*_READERS, *_CURIOUS}):
        yield _script_of_package(name, tree)


def _package_name(word: str) -> str:
    """`@prisma/client@^5` of a lock file as `@prisma/client`."""
    at = word.find("@", 1)
    return (word[:at] if at > 0 else word).strip("/")


def _script_of_package(name: str, tree: TreeFiles) -> Inputs:
    if name in _READERS:
        return files_of(tree.called(*_READERS[name]))
    return NOTHING if name in _APART else whole(f"the install script of {name} may read the tree")


def _patched(named: frozenset[str], tree: TreeFiles) -> frozenset[str]:
    """The patches that the manifests name, wherever they are."""
    return tree.called("*.patch") if named else frozenset()

"""What each package manager keeps of what it downloads, and how it shares that. Pure.

One cache a repository: setups that are trusted write it, everything else reads it. Both see
it as one folder inside, CACHE, so that whatever a tool notes down of it stays true:

- who *fills* sees the cache itself there, writable;
- who *reads* sees a private folder there, writable and thrown away afterwards, in which every
  file is a link into the cache, which is shown read-only at PACKAGES. So the tool finds what
  is there, adds what is not, and locks as it likes; nothing of that reaches the cache.

This is because no tool does all three with a cache that it cannot write (measured under
bubblewrap, with what is said at each). A copy does the same at a higher price: 31,500 files of
256 MB in 16 s, their links in 2.3 s; on a busy disk 4,800 files of 153 MB in 9 s, their links
in 5 s, for ext4 gives a link of 60 characters a block of its own.

A tool finds the cache where it looks by itself, a path below the HOME that leads there; so no
variable has to reach it through `env -i`, tox or sudo, and whoever names another place has it.
Variables are set only for what has no such path. Between a checkout and the cache lies the
edge of a mount, where hard links cannot be made; that no link of another kind is made there
is what the rest says.

What else of a HOME grows stays in it: what compilers keep (`~/.cache/go-build`, ccache), for
that is no package; what setup installs to be run from there (interpreters of uv, `npx`,
corepack, the distributions of gradlew and mvnw, browsers), for a kept setup result must not
depend on a cache that may be cleaned.
"""

from collections.abc import Mapping
from enum import Enum
from fnmatch import fnmatchcase

from wtman.model.values import dataclass
from wtman.sandbox.inside import CACHE, HOME


class CachePart(Enum):
    """What becomes of one file or folder of the cache in the private folder of who reads it."""

    LINK = "a link to it"
    COPY = "a file of its own"
    FOLDER = "a folder of its own"
    MOUNT = "a folder of its own where it is mounted"
    LEAVE = "not there"


@dataclass(frozen=True, slots=True)
class PackageCache:
    """The cache of a tool: `name` is its folder below CACHE.

    `home` is where the tool looks for it, below its HOME; "" where VARIABLES or FILES say so.
    The others are patterns of paths below it, of which `*` takes any part, slashes too.
    `whole` are folders that are linked as one, where that is enough. `mounted` are folders that
    are mounted instead, read-only: for many files that is cheaper than their links. `copied` are
    files that the tool changes in place. `left` is what nobody else has a use for: locks, logs,
    what is half written, what is quickly made again.

    `used` are files at the top of a checkout that say that the tool is used there. Then a new
    cache begins with a copy of what is in `seeds` of the user's own (`users`, else `home`, below
    their home folder): packages as they are. What else there is may sign in for the user: the
    headers of requests that pip and npm keep, an address with a password in it that git and
    yarn do.
    """

    name: str
    home: str = ""
    whole: tuple[str, ...] = ()
    mounted: tuple[str, ...] = ()
    copied: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    used: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ()
    users: str = ""


CACHES = (
    # uv 0.13: without a lock it does nothing ("Could not acquire lock ... Read-only file
    # system"). A wheel whose folder is one link is not copied ("neither a regular file nor a
    # symlink to a regular file"), one that is mounted is, and one whose
    # files are links. docs.astral.sh/uv, "Caching".
    PackageCache(
        "uv",
        ".cache/uv",
        mounted=("archive-v*/*",),
        left=(".lock", "*.lock", "builds-v*"),
        used=("uv.lock",),
        seeds=("archive-v*", "wheels-v*/pypi/*", "simple-v*/pypi/*"),
    ),
    # pip 23: not root, it leaves a cache alone that it cannot write. Wheels are not fetched
    # again, the pages of the index are: pip has no offline mode. pip.pypa.io, "Caching".
    PackageCache("pip", ".cache/pip", left=("selfcheck*",)),
    # Poetry 2.5: a lock beside each entry; those that are links fail with ELOOP. Its virtual
    # environments would lie in here, too: VARIABLES. python-poetry.org, "Configuration".
    PackageCache(
        "poetry",
        ".cache/pypoetry",
        left=("*.lock", "virtualenvs"),
        used=("poetry.lock",),
        seeds=("artifacts/*",),
    ),
    # What virtualenv (poetry, tox) seeds environments from; read-only it unpacks 7 MB each time.
    PackageCache("virtualenv", ".cache/virtualenv", left=("*.lock",)),
    # npm 11: reads one it cannot write, and cannot add to it (EROFS in `_cacache/tmp`). The
    # index is appended to. npm's documentation, "npm-cache"; cacache: `index-v5`, `content-v2`.
    PackageCache(
        "npm",
        ".npm/_cacache",
        copied=("index-v5/*",),
        left=("tmp",),
        used=("package-lock.json", "npm-shrinkwrap.json"),
        seeds=("content-v2/*",),
    ),
    # pnpm 12: read-only, or with its index a link, it finds nothing and downloads all again;
    # pnpm 10 has no such index. The two have their paths in VARIABLES and FILES, as pnpm puts
    # the store beside the project where the home folder is another mount. pnpm.io, "Settings".
    PackageCache(
        "pnpm-store",
        copied=("*.db", "*.db-wal", "*.db-shm"),
        left=("*/tmp",),
        used=("pnpm-lock.yaml",),
        seeds=("v*/files/*", "v*/index/*"),  # before 11: of a database no copy is safe
        users=".local/share/pnpm/store",
    ),
    PackageCache("pnpm", ".cache/pnpm", copied=("*.jsonl",)),
    # yarn 1.22: reads one that it cannot write. It brings links into `node_modules` as links,
    # so that a package has to be linked as a whole. classic.yarnpkg.com, "yarn cache".
    PackageCache("yarn", whole=("v*/npm-*",), left=("v*/.tmp",)),
    # yarn 4.18, both linkers. Its folder `cache` is the mirror of one in the project
    # (`enableMirror`). yarnpkg.com, "globalFolder".
    PackageCache(
        "berry",
        ".yarn/berry",
        left=("telemetry.json",),
        used=("yarn.lock",),
        seeds=("cache/*",),
    ),
    # bun 1.4: reads one that it cannot write. It leaves files out that are links, without a word,
    # so that a package has to be linked as a whole. bun.sh, "Global cache".
    PackageCache("bun", ".bun/install/cache", whole=("*[!/]@*",)),
    # cargo 1.95: only these two of ~/.cargo, in which credentials and programs lie as well.
    # doc.rust-lang.org, "Cargo Home".
    PackageCache(
        "cargo-registry",
        ".cargo/registry",
        whole=("src/*/*",),
        used=("Cargo.lock", "Cargo.toml"),
        seeds=("cache/*", "index/*/.cache/*", "index/*/config.json"),
    ),
    PackageCache("cargo-git", ".cargo/git", whole=("checkouts/*/*",), left=("*.lock",)),
    # go 1.19: a module whose folder is a link builds, and makes `go mod verify` panic; one
    # whose files are links breaks `go:embed`. So it unpacks them again, those that it needs.
    # go.dev/ref/mod, "Module cache".
    PackageCache(
        "go",
        "go/pkg/mod",
        left=("*[!/]@v[0-9]*", "*.lock", "cache/lock"),
        used=("go.sum", "go.mod"),
        seeds=("cache/download/*",),
    ),
    # Maven 3.8: notes in place where each file came from. Java knows the home folder by the
    # user, not by HOME: VARIABLES. maven.apache.org, "Configuring Maven"; resolver, "local
    # repository".
    PackageCache(
        "maven",
        copied=("*_remote.repositories", "*resolver-status.properties", "*maven-metadata*"),
        left=("*.lastUpdated", "*.lock", ".locks"),
        used=("pom.xml",),
        seeds=("*",),
        users=".m2/repository",
    ),
    # Gradle 4.4, where it is: 6.2 has GRADLE_RO_DEP_CACHE, too, older ones only this way. What
    # it knows of modules is changed in place. docs.gradle.org, "Dependency Caching".
    PackageCache(
        "gradle",
        ".gradle/caches/modules-2",
        copied=("metadata-*",),
        left=("*.lock", "gc.*"),
        used=("build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts"),
        seeds=("*",),
    ),
)

# Where the tools look -> where that leads, inside.
LINKS: Mapping[str, str] = {cache.home: f"{CACHE}/{cache.name}" for cache in CACHES if cache.home}

# For all that runs under a sandbox with mounts. What the user hands in goes before.
VARIABLES: Mapping[str, str] = {
    # Hard links are tried first otherwise, and a warning says that there are none.
    "UV_LINK_MODE": "copy",
    # In the checkout, with which it is carried, and not in the cache.
    "POETRY_VIRTUALENVS_IN_PROJECT": "true",
    # pnpm from 11 on; FILES are for those before: npm complains of theirs (`npm_config_...`).
    "pnpm_config_store_dir": f"{CACHE}/pnpm-store",
    "pnpm_config_package_import_method": "copy",
    "MAVEN_OPTS": f"-Dmaven.repo.local={CACHE}/maven",
    "GRADLE_USER_HOME": f"{HOME}/.gradle",
}

# Files below the HOME, made where none is, for what no variable says without harm:
# YARN_CACHE_FOLDER would move the cache that yarn 2 and later keep in a project, too.
FILES: Mapping[str, str] = {
    ".config/pnpm/rc": f"store-dir={CACHE}/pnpm-store\npackage-import-method=copy\n",
    ".yarnrc": f'cache-folder "{CACHE}/yarn"\n',
}

# For a check that has no network: to ask is minutes of waiting. pip, poetry, yarn 1, bun and
# gradle have no switch that a variable turns; the first four use what they have anyway.
OFFLINE: Mapping[str, str] = {
    "UV_OFFLINE": "1",  # uv, "Environment variables"
    "npm_config_offline": "true",  # npm, "Config"; pnpm before 11, too
    "pnpm_config_offline": "true",
    "YARN_ENABLE_NETWORK": "false",  # yarnpkg.com, "enableNetwork", since 2.0
    "CARGO_NET_OFFLINE": "true",  # doc.rust-lang.org, "Cargo: Environment Variables"
    "GOPROXY": "off",  # go.dev/ref/mod, "Environment variables"
    "MAVEN_ARGS": "--offline",  # maven.apache.org, "Configuring Maven", since 3.9
}


def part_of(cache: PackageCache, path: str, *, is_folder: bool) -> CachePart:
    """What becomes of a path below the cache of a tool for who reads it."""
    if _is_one(path, cache.left):
        return CachePart.LEAVE
    if is_folder:
        if _is_one(path, cache.mounted):
            return CachePart.MOUNT
        return CachePart.LINK if _is_one(path, cache.whole) else CachePart.FOLDER
    return CachePart.COPY if _is_one(path, cache.copied) else CachePart.LINK


def is_seed(cache: PackageCache, path: str) -> bool:
    """Whether a file of the user's own cache of a tool is copied into a new one."""
    return _is_one(path, cache.seeds) and not _is_one(path, cache.left)


def _is_one(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)

"""What a tracked file is to somebody who changes code, told by its path alone."""

from enum import StrEnum
from posixpath import basename, splitext

from wtman.formats.gitignore import matches
from wtman.formats.imports import SCRIPTS


class FileKind(StrEnum):
    """`fixed` is what nobody edits by hand: licences, lock files, what was generated or copied."""

    SOURCE = "source"
    PROSE = "prose"
    SETTINGS = "settings"
    FIXED = "fixed"


PYTHON = (".py", ".pyi", ".pyx")
SCRIPT = (*SCRIPTS, ".vue", ".svelte")
STYLE = (".css", ".scss", ".sass", ".less")
C = tuple(".c .h .cc .cpp .cxx .hh .hpp .hxx .m .mm .cu .inc".split())
JVM = tuple(".java .kt .kts .scala .groovy .clj .cljs".split())
SHELL = tuple(".sh .bash .zsh .fish .ksh .bats .ps1 .psm1".split())
MARKUP = tuple(".html .htm .xhtml .erb .haml .ejs .hbs .jinja .jinja2 .j2 .tmpl .twig".split())
PROSE = tuple(".md .markdown .mdx .rst .txt .adoc .asciidoc .tex .org .texi .pod".split())
_SOURCE = frozenset(
    (*PYTHON, *SCRIPT, *STYLE, *C, *JVM, *SHELL, *MARKUP)
    + tuple(
        ".go .rs .rb .rake .php .phtml .cs .fs .fsx .vb .swift .dart .ex .exs .erl .hrl .hs .lhs"
        " .ml .mli .elm .lua .pl .pm .t .r .jl .nim .zig .d .cr .f .f90 .f95 .pas .asm .s .sql"
        " .proto .graphql .gql .thrift .tf .hcl .nix .el .lisp .scm .rkt .v .sv .vhd .vhdl .sol"
        " .awk .tcl .astro .coffee .cmake .ipynb .tpl .mustache .slim .razor .cshtml .xaml".split()
    )
)
_PROSE = frozenset(PROSE)
_FIXED = (
    *("LICENSE*", "LICENCE*", "COPYING*", "NOTICE*", "UNLICENSE*", "PATENTS*", "AUTHORS*"),
    *("CONTRIBUTORS*", "CODEOWNERS", "*.lock", "*-lock.json", "*-lock.yaml", "*.lockb"),
    *("npm-shrinkwrap.json", "go.sum", "packages.lock.json", "gradle.lockfile", "Package.resolved"),
    *("*.min.js", "*.min.css", "*.map", "*.snap", "*.patch", "*.diff", "*.golden", "*.approved.*"),
    *("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*.pb.go", "*.pb.cc", "*.pb.h", "*.g.dart"),
    *("*.generated.*", "*_generated.*", "zz_generated*", "*.designer.cs", "gradlew", "gradlew.bat"),
    *("mvnw", "mvnw.cmd", "node_modules/", "vendor/", "third_party/", "third-party/", ".yarn/"),
    *("__snapshots__/", "testdata/", "dist/", "bower_components/", "py.typed"),
)
_BINARY = frozenset(
    ".png .jpg .jpeg .gif .svg .ico .bmp .webp .avif .tif .tiff .psd .pdf .ps .eps .mp3 .mp4 .wav"
    " .ogg .webm .mov .woff .woff2 .ttf .otf .eot .zip .gz .tgz .bz2 .xz .zst .7z .tar .jar .war"
    " .class .pyc .so .dll .dylib .a .o .lib .exe .bin .dat .db .sqlite .pkl .npy .npz .parquet"
    " .onnx .pt .wasm .mo .po .pot .csv .tsv .jsonl .ndjson .log .out .keystore .pem .crt".split()
)
_PROGRAMS = frozenset(("bin", "script", "scripts"))  # folders whose files have no ending


def kind_of(path: str) -> FileKind:
    """The kind of a file. One without an ending is source where programs lie."""
    ending = splitext(path)[1].lower()
    if ending in _BINARY or matches(_FIXED, path):
        return FileKind.FIXED
    if path.startswith("."):  # of the host, the editor, the tools
        return FileKind.SETTINGS
    if ending in _SOURCE:
        return FileKind.SOURCE
    if ending in _PROSE:
        return FileKind.PROSE
    above = path.split("/")[:-1]
    if not ending and not basename(path).startswith(".") and _PROGRAMS & set(above[-1:]):
        return FileKind.SOURCE
    return FileKind.SETTINGS

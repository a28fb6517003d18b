"""The import probe: notes where a Python program found the packages of the repository under check.

Put first on PYTHONPATH by wtman, once per check and on the base only. Stands
alone (stdlib only), says nothing, never changes what the program does or how
it ends, and gives way to the `sitecustomize` that would have been loaded
without it. Writes one JSON line per process into the folder WTMAN_IMPORT_PROBE.
"""

import atexit
import os
import sys


def _places(module: object) -> "list[str]":
    """Real paths that a module came from."""
    found = []  # type: list[str]
    spec = getattr(module, "__spec__", None)
    for place in (getattr(module, "__file__", None), getattr(spec, "origin", None)):
        if isinstance(place, str) and os.path.isabs(place):
            found.append(os.path.realpath(place))
    if not found:
        for place in list(getattr(module, "__path__", None) or ()):
            if isinstance(place, str) and os.path.exists(place):
                found.append(os.path.realpath(place))
    return sorted(set(found))


def _own_main(names: "list[str]") -> str:
    """`python package/__main__.py` or a module run with -m is called __main__ in sys.modules."""
    main = sys.modules.get("__main__")
    name = getattr(getattr(main, "__spec__", None), "name", "") or ""
    return name if name in names else ""


_done = set()  # type: set[int]


def _report() -> None:
    if os.getpid() in _done:
        return
    _done.add(os.getpid())
    try:
        import json

        builtin = getattr(sys, "stdlib_module_names", ())
        names = [name for name in _NAMES if name and name.split(".")[0] not in builtin]
        modules = {}
        for name in names:
            module = sys.modules.get(name)
            if module is None and _own_main(names) == name:
                module = sys.modules.get("__main__")
            places = _places(module) if module is not None else []
            if places:
                modules[name] = places
        line = json.dumps({"pid": os.getpid(), "modules": modules}) + "\n"
        path = os.path.join(_FOLDER, f"{os.getpid()}-{os.urandom(4).hex()}.json")
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(handle, line.encode("utf-8", "surrogateescape"))
        finally:
            os.close(handle)
    except BaseException:
        pass


def _chain() -> None:
    """Load the sitecustomize that this file hides, if there is one."""
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    here = os.path.dirname(os.path.realpath(__file__))
    path = [entry for entry in sys.path if os.path.realpath(entry or ".") != here]
    spec = PathFinder.find_spec("sitecustomize", path)
    if spec is None or spec.loader is None:
        return
    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


# Read at once: tests may clear the environment.
_FOLDER = os.environ.get("WTMAN_IMPORT_PROBE", "")
_NAMES = os.environ.get("WTMAN_IMPORT_PROBE_NAMES", "").split(",")
if _FOLDER:
    atexit.register(_report)
    _exit = os._exit

    def _reporting_exit(status: int) -> None:
        _report()
        _exit(status)

    # Forked workers (multiprocessing, os.fork) end by os._exit, without atexit.
    os._exit = _reporting_exit  # type: ignore[assignment]

_chain()

"""Where the user's own files live, by the XDG base directory rules, from a given environment."""

from collections.abc import Mapping

_HOME_PARTS = {"CONFIG": ".config", "STATE": ".local/state"}


def xdg_folder(kind: str, environ: Mapping[str, str]) -> str:
    """wtman's folder of a kind ("CONFIG", "STATE"); empty where there is no home to put it in."""
    base = environ.get(f"XDG_{kind}_HOME", "")
    if not base.startswith("/"):  # the rules: what is not absolute is ignored
        home = environ.get("HOME", "")
        if not home.startswith("/"):
            return ""
        base = f"{home.rstrip('/')}/{_HOME_PARTS[kind]}"
    return f"{base.rstrip('/')}/wtman"

"""What the result of a check follows from besides its tree and command."""

from wtman.context import Context
from wtman.journal.state import digest
from wtman.model.settings import Settings
from wtman.provision.files import stamp
from wtman.provision.stamps import packages_around, stable


def fingerprint(ctx: Context, settings: Settings, env: dict[str, str]) -> str:
    """The key of environment and setup."""
    source = ctx.repo.main or ctx.repo.toplevel
    online = "online" if settings.check_network else ""
    parts = [
        stable(env),
        packages_around(ctx, settings, env),
        settings.setup,
        settings.copy,
        settings.symlink,
        (ctx.sandbox.name, online),
    ]
    if source and (settings.copy or settings.symlink):
        parts.append(stamp(source, (*settings.copy, *settings.symlink)))
    return digest(*("\n".join(part) for part in parts))

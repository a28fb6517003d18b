"""What a session gets to reach its agent's provider: sign-in, hosts, ports."""

from collections.abc import Iterable, Mapping

from wtman.agents import Needs
from wtman.errors import UsageError
from wtman.sandbox.hosts import Rule, is_loopback, rule, rule_of_url


def handed_in(environ: Mapping[str, str], needs: Needs) -> dict[str, str]:
    """The variables that sign an agent in and lead it to its provider."""
    names = (*needs.secrets, *needs.env, *needs.endpoints)
    return {name: environ[name] for name in names if environ.get(name)}


def provider_rules(environ: Mapping[str, str], needs: Needs, hosts: Iterable[str]) -> set[Rule]:
    """What an agent has to reach: its provider, or where its endpoints say, and `hosts`."""
    named = {rule_of_url(environ[name]) for name in needs.endpoints if environ.get(name)}
    rules = {found for found in named if found is not None}
    for text in (*needs.hosts, *hosts):
        try:
            rules.add(rule(text))
        except ValueError as error:
            raise UsageError(
                f"network: {text!r} {error}", hint='say "example.com" or "*.example.com:8443"'
            ) from error
    return rules


def own_ports(rules: Iterable[Rule]) -> tuple[int, ...]:
    """The ports of this machine among the rules: a model that runs here."""
    return tuple(sorted({item.port for item in rules if item.port and is_loopback(item.host)}))

"""Which parts of the machine every program may read, and which of these none may.

The folders where programs and libraries live, and what a name server or a certificate
needs. No home folder, no sockets of the host, no state of its services.
"""

import os
import sys
from functools import cache

FOLDERS = (
    "/usr /bin /sbin /lib /lib32 /lib64 /libx32 /libexec /etc /opt /nix /gnu/store"
    " /run/current-system /run/opengl-driver"
).split()
# Often links to where a service of the system keeps them.
_FILES = (
    "/etc/resolv.conf /etc/hosts /etc/localtime /etc/ssl/certs /etc/ssl/cert.pem"
    " /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/mtab"
).split()
# Readable for root only, which a session of root is.
_SECRETS = (
    "/etc/shadow /etc/shadow- /etc/gshadow /etc/gshadow- /etc/sudoers /etc/sudoers.d"
    " /etc/ssl/private /etc/krb5.keytab /etc/wireguard /etc/openvpn /etc/ipsec.secrets"
    " /etc/NetworkManager/system-connections /etc/ppp/chap-secrets /etc/security/opasswd"
    " /etc/docker/key.json /etc/rancher /etc/kubernetes /nix/var/nix/daemon-socket"
).split()


@cache
def folders() -> tuple[str, ...]:
    """Those of the system that exist, as they are named; some may be links."""
    return tuple(path for path in FOLDERS if os.path.isdir(path))


@cache
def strays() -> tuple[str, ...]:
    """Files that the system's folders only link to."""
    found = {os.path.realpath(path) for path in _FILES if os.path.exists(path)}
    return tuple(sorted(path for path in found if not holds(path) and path[:6] != "/proc/"))


@cache
def secrets() -> tuple[str, ...]:
    """What is readable in the folders of the system and should not be."""
    keys = _host_keys("/etc/ssh")
    return tuple(
        path
        for path in (*_SECRETS, *keys)
        if os.path.exists(path) and (os.access(path, os.R_OK) or "socket" in path)
    )


def _host_keys(folder: str) -> list[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return [f"{folder}/{name}" for name in names if name.endswith("_key")]


def holds(path: str) -> bool:
    """Whether this real path is in a folder of the system."""
    return any(is_below(path, folder) for folder in _real_folders())


@cache
def _real_folders() -> tuple[str, ...]:
    return tuple({os.path.realpath(folder) for folder in folders()})


def is_below(path: str, folder: str) -> bool:
    """Whether it is the folder or something in it; both absolute and normal."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def homes() -> tuple[str, ...]:
    """Real paths of the home folder of who runs wtman, by environment and by account."""
    return _homes(os.path.expanduser("~"))


@cache
def _homes(named: str) -> tuple[str, ...]:
    found = {os.path.realpath(named)}
    try:
        import pwd

        found.add(os.path.realpath(pwd.getpwuid(os.getuid()).pw_dir))
    except (ImportError, KeyError):
        pass
    return tuple(sorted(found - {"/"}))


@cache
def interpreter() -> str:
    """The real program that runs wtman, outside of any virtual environment."""
    return os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)

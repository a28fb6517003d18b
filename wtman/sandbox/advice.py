"""What to do where a sandbox does not work, from what the system said; texts for `doctor`.

The causes are few and their words well known: a distribution or a container that keeps
user namespaces back, a bubblewrap that is missing or too old, a kernel without Landlock.
"""

import os

from wtman import files

INSTALL = "install it (`apt-get install bubblewrap`, `dnf install bubblewrap`, ...)"
_UBUNTU = (
    "this system keeps user namespaces back; give bwrap an AppArmor profile with `userns,`"
    " in /etc/apparmor.d/bwrap, or `sysctl kernel.apparmor_restrict_unprivileged_userns=0`"
)
_CONTAINER = (
    "this container keeps namespaces back; start it with `--security-opt seccomp=unconfined"
    " --security-opt apparmor=unconfined --security-opt systempaths=unconfined"
    " --cap-add SYS_ADMIN`"
)
_SYSCTLS = {
    "/proc/sys/kernel/unprivileged_userns_clone": "0",  # Debian before 11, hardened kernels
    "/proc/sys/user/max_user_namespaces": "0",  # RHEL 7
}


def of_bubblewrap(complaint: str) -> str:
    """Why it does not work here and the fix, from what bwrap said; empty: it is missing."""
    if not complaint:
        return f"bwrap is not installed; {INSTALL}"
    last = complaint.strip().splitlines()[-1].removeprefix("bwrap: ")
    return f"bwrap said {last!r}; {_fix(last)}"


def _fix(said: str) -> str:
    if "nknown option" in said:
        return "it is too old, 0.5 is the least; use a newer one"
    for path, bad in _SYSCTLS.items():
        if _content(path) == bad:
            wanted = "1" if path.endswith("clone") else "15000"
            return f"`sysctl {path[10:].replace('/', '.')}={wanted}` allows it"
    if _content("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
        return _UBUNTU
    if in_container():
        return _CONTAINER
    return "run `bwrap --ro-bind / / --unshare-all true` to see it; user namespaces are needed"


def of_landlock(abi: int, least: int) -> str:
    """Why it does not work here; empty when it does."""
    if abi >= least:
        return ""
    if abi:
        return f"this kernel has Landlock {abi}, {least} is the least (Linux 6.2)"
    return (
        "this kernel has no Landlock; start it with `landlock` in its `lsm=` list (Linux 6.2 or"
        " newer), or in a container allow the system calls 444 to 446"
    )


def in_container() -> bool:
    """Whether this is a container, going by its marks, as docker and podman leave them."""
    if os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv"):
        return True
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST") or os.environ.get("container"))  # noqa: SIM112


def _content(path: str) -> str:
    return (files.head(path, 4096, follow=True) or b"").decode("ascii", "replace").strip()

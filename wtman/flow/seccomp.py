"""What the kernel keeps a script from for good: starting programs, threads, sockets, signals.

A filter of system calls that no later line can take off again; Linux on x86_64 and arm64. It
stands beside the sandbox: bubblewrap and Landlock hold files and network, this holds a
fork bomb in every sandbox, `none` included, for root too.
"""

import ctypes
import os
import sys

_NO_NEW_PRIVS, _SECCOMP, _FILTER = 38, 22, 2
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE, _ABSENT = 0x7FFF0000, 0x00050001, 0x00050026  # EPERM, ENOSYS
_X32 = 0x40000000  # the same calls under other numbers
# clone3 has its arguments in memory, where no filter sees them: as if it were not there.
_CLONE3 = 435
_EVERYWHERE = (424, 425, 434, 438)  # pidfd_send_signal, io_uring_setup, pidfd_open, pidfd_getfd
# audit architecture; socket, socketpair, clone, (fork, vfork), execve, kill, ptrace, tkill,
# tgkill, unshare, setns, process_vm_readv, process_vm_writev, bpf, execveat, mount, the queues of
# signals, and userfaultfd
_X86 = (41, 53, 56, 57, 58, 59, 62, 101, 200, 234, 272, 308, 310, 311, 321, 322, 165, 129, 297, 323)
_ARM = (198, 199, 220, 221, 129, 117, 130, 131, 97, 268, 270, 271, 280, 281, 40, 138, 240, 282)
_MACHINES = {"x86_64": (0xC000003E, _X86), "aarch64": (0xC00000B7, _ARM)}


def forbid() -> bool:
    """From here on. False where this system has no such filter. Raises OSError if refused."""
    known = _MACHINES.get(os.uname().machine)
    if sys.platform != "linux" or known is None:
        return False
    architecture, calls = known
    refused = (*calls, *_EVERYWHERE)
    steps: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _REFUSE),
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, len(refused) + 2, 0, _X32),
        (_EQUAL, len(refused) + 2, 0, _CLONE3),
    ]
    for place, number in enumerate(refused):
        steps.append((_EQUAL, len(refused) - place, 0, number))
    steps += [
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ABSENT),
    ]
    packed = b"".join(
        code.to_bytes(2, "little") + bytes((yes, no)) + value.to_bytes(4, "little")
        for code, yes, no, value in steps
    )
    program = ctypes.create_string_buffer(packed, len(packed))
    place_of_it = ctypes.addressof(program).to_bytes(8, "little")
    library = ctypes.CDLL(None, use_errno=True)
    header = ctypes.c_char_p(len(steps).to_bytes(8, "little") + place_of_it)
    if library.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) or library.prctl(_SECCOMP, _FILTER, header, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")
    return True

"""What the kernel keeps a script from for good: starting programs, threads, sockets, signals,
changing any file, raising its own limits.

A filter of system calls that no later line can take off again; Linux on x86_64 and arm64. It
stands beside the sandbox: bubblewrap and Landlock hold what may be read, this holds the rest
everywhere, `none` included, for root too. What goes on without it is time and memory, which are
watched from outside.
"""

import ctypes
import os
import sys

_NO_NEW_PRIVS, _SECCOMP, _FILTER = 38, 22, 2
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE, _ABSENT, _NO_TERMINAL = 0x7FFF0000, 0x00050001, 0x00050026, 0x00050019
_X32 = 0x40000000  # the same calls under other numbers
_WRITES = 0o20001103  # flags of open that write, make or empty something
_CPU = 0  # the one limit that a script winds up itself (program.py)
# Each with its numbers on x86_64 and arm64; `-` where there is none. Those of the last line have
# their arguments in memory, where no filter sees them: as if they were not there.
_CALLS = """
socket 41 198, socketpair 53 199, clone 56 220, fork 57 -, vfork 58 -, execve 59 221,
execveat 322 281, kill 62 129, tkill 200 130, tgkill 234 131, rt_sigqueueinfo 129 138,
rt_tgsigqueueinfo 297 240, pidfd_send_signal 424 424, pidfd_open 434 434, pidfd_getfd 438 438,
ptrace 101 117, process_vm_readv 310 270, process_vm_writev 311 271, process_madvise 440 440,
unshare 272 97, setns 308 268, bpf 321 280, userfaultfd 323 282, io_uring_setup 425 425,
perf_event_open 298 241, keyctl 250 219, add_key 248 217, request_key 249 218,
setrlimit 160 164, setpriority 141 140, memfd_create 319 279, memfd_secret 447 447,
shmget 29 194, msgget 68 186, semget 64 190, mq_open 240 180,
creat 85 -, truncate 76 45, rename 82 -, renameat 264 38, renameat2 316 276, mkdir 83 -,
mkdirat 258 34, rmdir 84 -, link 86 -, linkat 265 37, symlink 88 -, symlinkat 266 36,
unlink 87 -, unlinkat 263 35, mknod 133 -, mknodat 259 33, chmod 90 -, fchmod 91 52,
fchmodat 268 53, fchmodat2 452 452, chown 92 -, fchown 93 55, lchown 94 -, fchownat 260 54,
utime 132 -, utimes 235 -, futimesat 261 -, utimensat 280 88, setxattr 188 5, lsetxattr 189 6,
fsetxattr 190 7, removexattr 197 14, lremovexattr 198 15, fremovexattr 199 16,
open_by_handle_at 304 265, fanotify_init 300 262, mount 165 40, umount2 166 39,
pivot_root 155 41, chroot 161 51, open_tree 428 428, move_mount 429 429, fsopen 430 430,
mount_setattr 442 442, swapon 167 224, swapoff 168 225, reboot 169 142, acct 163 89,
init_module 175 105, finit_module 313 273, delete_module 176 106, kexec_load 246 104,
kexec_file_load 320 294, sethostname 170 161, setdomainname 171 162, settimeofday 164 170,
clock_settime 227 112, adjtimex 159 171, clock_adjtime 305 266, quotactl 179 60, iopl 172 -
"""
_HIDDEN = (435, 437)  # clone3, openat2
# Per machine: its name to auditors; ioctl, prlimit64, and (call, argument) of those that open.
_MACHINES = {
    "x86_64": (0xC000003E, 16, 302, ((2, 1), (257, 2))),
    "aarch64": (0xC00000B7, 29, 261, ((56, 2),)),
}
_Step = tuple[int, int, int, int]  # code, steps to skip if so, if not, value


def forbid() -> bool:
    """From here on. False where this system has no such filter. Raises OSError if refused."""
    machine = os.uname().machine
    if sys.platform != "linux" or machine not in _MACHINES:
        return False
    steps = _filter(machine)
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


def _filter(machine: str) -> list[_Step]:
    architecture, ioctl, limits, opening = _MACHINES[machine]
    column = 1 if machine == "x86_64" else 2
    refused = [words.split()[column] for words in _CALLS.split(",")]
    steps: list[_Step] = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _REFUSE),
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _REFUSE),
    ]
    answers = [(int(number), _REFUSE) for number in refused if number != "-"]
    answers += [(number, _ABSENT) for number in _HIDDEN]
    answers.append((ioctl, _NO_TERMINAL))  # what Python asks of each file that it opens
    for number, answer in answers:
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, answer)]
    for number, flags in opening:
        steps += [
            (_EQUAL, 0, 4, number),
            (_LOAD, 0, 0, _argument(flags)),
            (_ANY_BIT, 0, 1, _WRITES),
            (_RETURN, 0, 0, _REFUSE),
            (_RETURN, 0, 0, _ALLOW),
        ]
    return [
        *steps,
        (_EQUAL, 0, 8, limits),
        # Looking changes nothing: no new value.
        (_LOAD, 0, 0, _argument(2)),
        (_EQUAL, 0, 2, 0),
        (_LOAD, 0, 0, _argument(2) + 4),
        (_EQUAL, 4, 0, 0),
        (_LOAD, 0, 0, _argument(1)),
        (_EQUAL, 0, 3, _CPU),
        (_LOAD, 0, 0, _argument(0)),
        (_EQUAL, 0, 1, 0),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]


def _argument(number: int) -> int:
    """Where the lower half of an argument is."""
    return 16 + 8 * number

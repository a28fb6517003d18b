"""One object written as git writes a loose one, without a git for it. Blocking.

On the disk before it has its name, as the settings of the control directory have git do it: a ref
that outlives a power cut must not name what does not.
"""

import hashlib
import os
import secrets
import zlib
from contextlib import suppress

from wtman.git.control_dir import Control
from wtman.model.ids import Sha

_SHARED = 0o2020  # a repository of several users: what git writes there has modes of its own


def write_loose(ctl: Control, kind: str, content: bytes, like: str) -> Sha | None:
    """Put an object where git finds it; `like` is the name of any other.

    None where that is better left to git.
    """
    digest = hashlib.sha1 if len(like) == 40 else hashlib.sha256
    body = b"%s %d\0" % (kind.encode(), len(content)) + content
    name = Sha(digest(body, usedforsecurity=False).hexdigest())
    folder = os.path.join(ctl.objects, name[:2])
    place = os.path.join(folder, name[2:])
    draft = os.path.join(folder, f"tmp_obj_{secrets.token_hex(6)}")  # a name that gc tidies up
    try:
        if os.stat(ctl.objects).st_mode & _SHARED:
            return None
        with suppress(FileNotFoundError):
            os.utime(place)  # new again, so that no gc takes it before a ref has it
            return name
        with suppress(FileExistsError):
            os.mkdir(folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with open(os.open(draft, flags, 0o444), "wb") as file:
                file.write(zlib.compress(body))
                file.flush()
                if not ctl.aside:  # what only a trial has made may be lost
                    os.fsync(file.fileno())
            os.rename(draft, place)
        except BaseException:
            with suppress(OSError):
                os.unlink(draft)
            raise
    except OSError:
        return None  # git says what is wrong, and as whose fault
    return name

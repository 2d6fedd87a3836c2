"""Becomes a command that dies with the process that started it: `guard.py SIGNAL USER COMMAND...`.

A finally block does not run after kill -9. On Linux the kernel itself sends the signal.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1


def main(signal: str, user: str, *command: str) -> None:
    parent = os.getppid()
    if user:
        account = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
        os.environ["HOME"] = account.pw_dir
    if sys.platform == "linux":  # after the change of user, which would undo it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal))
        if os.getppid() != parent:
            sys.exit("the parent is gone already")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])

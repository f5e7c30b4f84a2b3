"""Start a command that receives SIGTERM when its parent process ends.

Run as a script: `die_with_parent.py PARENT_PID COMMAND...` sets PR_SET_PDEATHSIG (prctl(2)) and
then executes COMMAND. It is a separate program because a process with threads must not run Python
code between fork and exec.
"""

from __future__ import annotations

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # the parent ended before the signal was set
        sys.exit(1)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()

"""Starting a server as systemd does, on sockets that are open already."""

import sys

# What systemd does: the sockets from file descriptor 3 on, how many, and for which process.
_HAND_OVER = """
import os, socket, sys
kinds, command = sys.argv[1].split(","), sys.argv[2:]
for place, kind in enumerate(kinds):
    if kind.startswith("/"):
        one = socket.socket(socket.AF_UNIX)
        one.bind(kind)
    else:
        one = socket.socket()
        one.bind((kind.removeprefix("deaf:"), 0))
    if not kind.startswith("deaf:"):
        one.listen(50)
    os.dup2(one.detach(), 20 + place)
for place in range(len(kinds)):
    os.dup2(20 + place, 3 + place)
os.environ.update(LISTEN_FDS=str(len(kinds)), LISTEN_PID=os.environ.get("FOR_PID") or str(os.getpid()))
os.execv(command[0], command)
"""


def handed(*kinds: str) -> tuple[str, ...]:
    """What starts a program with a socket for each of `kinds`: an address, a path, or one that is `deaf:`."""
    return (sys.executable, "-c", _HAND_OVER, ",".join(kinds))

"""The process that hashes passwords: reads a request from each line of standard input, and answers with a line.

`password_hasher` starts it, as a file of its own, so that it loads Argon2 and nothing else of the server. It ends
when its input does. Requests and answers are JSON objects:

    {"parameters", "password"}          -> {"hash"}
    {"parameters", "password", "hash"}  -> {"verified", "needs_rehash"} or {"undecodable"} or {"failed"}

`parameters` are the arguments of `argon2.PasswordHasher`.
"""

import contextlib
import json
import os
import signal
import sys
from typing import Any

import argon2

_LOWEST_PRIORITY = 19
# What Argon2 says of a stored text that begins like a hash and is none.
_UNDECODABLE = frozenset({"Decoding failed", "Some of encoded parameters are too long or too short"})


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """What to answer to one request; `failed` says what went wrong when nothing could be computed."""
    hasher = argon2.PasswordHasher(**request["parameters"])
    if "hash" not in request:
        return {"hash": hasher.hash(request["password"])}
    try:
        hasher.verify(request["hash"], request["password"])
    except argon2.exceptions.VerifyMismatchError:
        return {"verified": False, "needs_rehash": False}
    except argon2.exceptions.InvalidHashError:
        return {"undecodable": True}
    except argon2.exceptions.VerificationError as error:
        if str(error) in _UNDECODABLE:
            return {"undecodable": True}
        return {"failed": str(error)}
    return {"verified": True, "needs_rehash": hasher.check_needs_rehash(request["hash"])}


def main() -> None:
    """Answer until the input ends."""
    # Ctrl-C at a terminal goes to every process of the server; this one ends when its input does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A sandbox may forbid either. Hashing then competes with the rest, and all still works.
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _LOWEST_PRIORITY)
    if sys.platform == "linux":
        # On Linux the lowest priority may still finish its slice of some milliseconds; an idle process never does.
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(json.dumps(answer(json.loads(line))).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()

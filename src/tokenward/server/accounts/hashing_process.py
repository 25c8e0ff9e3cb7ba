"""The process that hashes passwords: reads a request from each line of standard input, and answers with a line.

`password_hasher` starts it, as a file of its own, so that it loads Argon2 and nothing else of the server. It ends
when its input does. Requests and answers are JSON objects:

    {"parameters", "password"}          -> {"hash"}
    {"parameters", "password", "hash"}  -> {"verified", "needs_rehash"} or {"undecodable"} or {"failed"}
    {"parameters", "password", "hash", "foreign", "passwords"}  -> {"verified", "needs_rehash"} or {"failed"}

`parameters` are the arguments of `argon2.PasswordHasher`. `foreign` is a hash of another system, as
`foreign_hashes.read_foreign` reads it, which has bounded what it costs; `passwords` are the forms in which the password
may have been hashed there. `hash` is then one that nothing matches and is computed as well, so that no answer comes
earlier than that for an account that does not exist.
"""

import base64
import contextlib
import hashlib
import hmac
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
    verdict = _verify(hasher, request["hash"], request["password"])
    if "foreign" not in request or "failed" in verdict:
        return verdict
    try:
        verified = any(_fits(request["foreign"], password) for password in request["passwords"])
    except (ValueError, MemoryError, argon2.exceptions.Argon2Error) as error:
        # Not its text, which may hold what was computed on.
        return {"failed": type(error).__name__}
    return {"verified": verified, "needs_rehash": True}


def _verify(hasher: argon2.PasswordHasher, encoded: str, password: str) -> dict[str, Any]:
    try:
        hasher.verify(encoded, password)
    except argon2.exceptions.VerifyMismatchError:
        return {"verified": False, "needs_rehash": False}
    except argon2.exceptions.InvalidHashError:
        return {"undecodable": True}
    except argon2.exceptions.VerificationError as error:
        if str(error) in _UNDECODABLE:
            return {"undecodable": True}
        return {"failed": str(error)}
    return {"verified": True, "needs_rehash": hasher.check_needs_rehash(encoded)}


def _fits(foreign: dict[str, Any], password: str) -> bool:
    """Whether the password has the hash of another system."""
    if foreign["scheme"] == "argon2":
        with contextlib.suppress(argon2.exceptions.VerifyMismatchError):
            return argon2.PasswordHasher().verify(foreign["hash"], password)
        return False
    if foreign["scheme"] == "bcrypt":
        return hmac.compare_digest(_bcrypt_digest(foreign, password.encode()), foreign["digest"].encode())
    salt, digest = (base64.b64decode(foreign[part]) for part in ("salt", "digest"))
    if foreign["scheme"] == "pbkdf2":
        computed = hashlib.pbkdf2_hmac(
            foreign["hash_name"], password.encode(), salt, foreign["iterations"], len(digest)
        )
    else:
        n, r, p = foreign["n"], foreign["r"], foreign["p"]
        computed = hashlib.scrypt(
            password.encode(), salt=salt, n=n, r=r, p=p, maxmem=128 * r * (n + p + 2), dklen=len(digest)
        )
    return hmac.compare_digest(computed, digest)


def _bcrypt_digest(foreign: dict[str, Any], password: bytes) -> bytes:
    # Loaded by the first account that needs it, of which there may be none.
    import bcrypt

    if foreign["prehashed"]:
        password = hashlib.sha256(password).hexdigest().encode()
    # bcrypt looks at 72 bytes, and so did the system that made the hash; the library refuses more.
    return bcrypt.hashpw(password[:72], foreign["salt"].encode())[29:]


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

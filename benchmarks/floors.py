"""The floors that need no server: Argon2id on all cores, and one ES256 verification.

`python -m benchmarks.floors SECONDS` verifies a password in one thread for each core and prints a JSON object
{hashes, seconds, cpu_seconds}.
"""

import functools
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from benchmarks.processes import ROOT
from benchmarks.wrk import Sample

CORES = os.cpu_count() or 1


def measure_argon2(seconds: float) -> Sample:
    """Verify passwords in a process of its own for `seconds`, with the parameters of Tokenward's hasher."""
    command = [sys.executable, "-m", "benchmarks.floors", str(seconds)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    return Sample(result["hashes"], result["seconds"], result["cpu_seconds"])


def measure_es256(seconds: float) -> float:
    """CPU microseconds of one bare ES256 verification in `cryptography`, key and DER signature prepared."""
    key = generate_private_key(SECP256R1())
    public_key, algorithm, signing_input = key.public_key(), ECDSA(SHA256()), secrets.token_bytes(600)
    signature = key.sign(signing_input, algorithm)
    started, count = time.thread_time(), 0
    while time.thread_time() - started < seconds:
        for _ in range(50):
            public_key.verify(signature, signing_input, algorithm)
        count += 50
    return (time.thread_time() - started) / count * 1e6


def prepare_verification() -> Callable[[], bool]:
    """A function that verifies one password, with the parameters of Tokenward's hasher."""
    hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
    password = secrets.token_urlsafe(24)
    return functools.partial(hasher.verify, hasher.hash(password), password)


def _verify_passwords(seconds: float) -> None:
    verify = prepare_verification()
    counts = [0] * CORES
    started = time.perf_counter()
    cpu_before = time.process_time()

    def verify_until_the_end(thread: int) -> None:
        while time.perf_counter() - started < seconds:
            verify()
            counts[thread] += 1

    threads = [threading.Thread(target=verify_until_the_end, args=(number,)) for number in range(CORES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed, spent = time.perf_counter() - started, time.process_time() - cpu_before
    print(json.dumps({"hashes": sum(counts), "seconds": elapsed, "cpu_seconds": spent}))


if __name__ == "__main__":
    _verify_passwords(float(sys.argv[1]))

"""Tokens and keys go to other libraries and come back, for every algorithm that each of them has."""

import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
from tests.interop import node_packages
from tests.interop.matrix import (
    ALGORITHMS,
    CASES,
    CHECKS,
    THUMBPRINT,
    Case,
    all_peers,
    exchange,
    our_key,
    read_record,
    whole_matrix,
)
from tests.interop.peers import Joserfc, Peer, PyJWT, node_libraries

from tokenward.jose.algorithms import SUPPORTED

LIBRARIES = ("PyJWT", "joserfc", "jose (npm)", "noble (npm)")


@pytest.fixture(scope="module")
def peers() -> Iterator[dict[str, Peer]]:
    with all_peers() as found:
        yield {peer.name: peer for peer in found}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_tokens_and_keys_are_exchanged_both_ways(peers: dict[str, Peer], case: Case, library: str) -> None:
    peer = peers[library]
    recorded = read_record().passed[case.name]
    if not peer.offers(case.alg, case.curve):
        assert library not in recorded
        return
    passed = exchange(case, peer, our_key(case))
    # PyJWT makes no thumbprints.
    assert passed == [check for check in CHECKS if library != "PyJWT" or check != THUMBPRINT]
    # A newer Node.js may have more algorithms than the one that the record was written with.
    assert recorded.get(library, passed) == passed


def test_every_algorithm_is_in_the_matrix_and_is_exchanged_with_somebody() -> None:
    assert set(ALGORITHMS) == SUPPORTED
    record = read_record()
    assert set(record.passed) == {case.name for case in CASES}
    assert [name for name, libraries in record.passed.items() if not libraries] == []
    # The libraries that people know have all but the newest.
    common = {case.name for case in CASES if not case.alg.startswith("ML-DSA")}
    assert {name for name, libraries in record.passed.items() if "joserfc" in libraries} == common


def test_the_record_is_of_the_versions_that_are_pinned(peers: dict[str, Peer]) -> None:
    now = whole_matrix(list(peers.values()), cases=()).versions
    recorded = read_record().versions
    assert recorded.keys() == now.keys()
    # Node.js comes from the system, and may be another one there.
    assert now | {"Node.js": recorded["Node.js"]} == recorded, "run: python -m tests.interop.matrix --write"


def test_the_process_of_node_does_not_outlive_the_exchange() -> None:
    with node_libraries(["HS256"]) as (jose, _):
        process = jose.process
        assert process.poll() is None
    assert process.poll() is not None


def test_a_process_of_node_that_takes_too_long_is_killed() -> None:
    begun = time.monotonic()
    with node_libraries(["HS256"], longest_seconds=1) as (jose, _):
        with pytest.raises((RuntimeError, BrokenPipeError)):
            _make_keys_without_end(jose)
        assert jose.process.wait(10) == -signal.SIGKILL
    assert time.monotonic() < begun + 60


def _make_keys_without_end(library: Peer) -> None:
    while True:
        library.make("RS512", None)


def test_npm_is_not_asked_again_once_the_packages_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    node_packages.installed_packages()

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("npm was started again")

    monkeypatch.setattr(subprocess, "run", fail)
    assert (node_packages.installed_packages() / "jose" / "package.json").is_file()


def test_the_lock_of_npm_names_no_address_of_a_registry() -> None:
    lock = (node_packages.FOLDER / "package-lock.json").read_text("utf-8")
    assert '"resolved"' not in lock
    assert lock.count('"integrity": "sha512-') >= 5


def test_python_libraries_know_their_own_algorithms() -> None:
    assert PyJWT().offers("ES256K", None)
    assert not PyJWT().offers("Ed25519", None)
    assert not Joserfc().offers("ML-DSA-44", None)

"""Two master keys at hand, and a file that is read again."""

import base64
from pathlib import Path

import pytest

from tokenward.server.keyring.wrapping import MasterKey, WrongMasterKey

OLD, NEW = bytes(range(32)), bytes(range(1, 33))
HOW = {"purpose": "access", "key_id": "kid"}


def write(path: Path, key: bytes, mode: int = 0o600) -> None:
    path.touch(0o600)
    path.write_bytes(base64.b64encode(key))
    path.chmod(mode)


def test_a_previous_key_opens_and_does_not_seal() -> None:
    old, master = MasterKey(OLD), MasterKey(NEW)
    sealed = old.wrap(b"secret", **HOW)
    with pytest.raises(WrongMasterKey):
        master.unwrap(sealed, **HOW)
    assert not master.opens(sealed, **HOW)
    master.accept_previous(old)
    assert master.unwrap(sealed, **HOW) == b"secret"
    assert (master.opens(sealed, **HOW), master.is_current(sealed, **HOW)) == (True, False)
    fresh = master.wrap(b"secret", **HOW)
    assert master.is_current(fresh, **HOW)
    with pytest.raises(WrongMasterKey):
        old.unwrap(fresh, **HOW)


def test_a_file_is_read_again_when_something_does_not_open(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    write(path, OLD)
    held = MasterKey.from_file(path)
    before = held.wrap(b"before", **HOW)
    write(path, NEW)
    sealed = MasterKey(NEW).wrap(b"secret", **HOW)
    assert held.unwrap(sealed, **HOW) == b"secret"
    # From here on it is the new one that seals, and the old one still opens.
    assert MasterKey(NEW).unwrap(held.wrap(b"after", **HOW), **HOW) == b"after"
    assert held.unwrap(before, **HOW) == b"before"


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_that_is_no_help_leaves_the_key_as_it_is(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "master.key"
    write(path, OLD)
    held = MasterKey.from_file(path)
    sealed = MasterKey(NEW).wrap(b"secret", **HOW)
    write(path, OLD if mode == 0o600 else NEW, mode)
    with pytest.raises(WrongMasterKey, match="give the master key"):
        held.unwrap(sealed, **HOW)
    path.unlink()
    with pytest.raises(WrongMasterKey):
        held.unwrap(sealed, **HOW)
    assert MasterKey(OLD).unwrap(held.wrap(b"mine", **HOW), **HOW) == b"mine"


def test_a_key_that_was_not_in_a_file_is_not_looked_for(tmp_path: Path) -> None:
    held = MasterKey.parse(base64.b64encode(OLD).decode(), "a test")
    with pytest.raises(WrongMasterKey):
        held.unwrap(MasterKey(NEW).wrap(b"secret", **HOW), **HOW)

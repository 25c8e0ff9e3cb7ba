"""The master key: where it comes from, and that only the right one opens what it sealed, where it was sealed."""

import base64
from pathlib import Path

import pytest
from tests.server.building import (
    MASTER_KEY,
    OTHER_MASTER_KEY,
    opened,
    run_server,
    settings,
    tamper,
)

from tokenward.errors import ConfigurationError
from tokenward.server.keyring.wrapping import MasterKey, WrongMasterKey
from tokenward.server.services import load_master_key

KEY = bytes(range(32))


def test_what_was_wrapped_opens_for_the_same_purpose_and_id_only() -> None:
    master = MasterKey(KEY)
    wrapped = master.wrap(b"secret", purpose="access", key_id="kid-1")
    assert master.unwrap(wrapped, purpose="access", key_id="kid-1") == b"secret"
    for purpose, key_id in (("refresh", "kid-1"), ("access", "kid-2"), ("access\x00kid-1", "")):
        with pytest.raises(WrongMasterKey):
            master.unwrap(wrapped, purpose=purpose, key_id=key_id)


@pytest.mark.parametrize("place", [0, 1, 12, 13, -1])
def test_a_changed_byte_of_what_was_wrapped_is_found(place: int) -> None:
    master = MasterKey(KEY)
    wrapped = bytearray(master.wrap(b"secret", purpose="access", key_id="kid"))
    wrapped[place] ^= 1
    with pytest.raises(WrongMasterKey):
        master.unwrap(bytes(wrapped), purpose="access", key_id="kid")


@pytest.mark.parametrize("wrapped", [b"", b"\x01", b"\x01" + bytes(12), bytes(60)])
def test_what_is_too_short_to_be_wrapped_is_refused(wrapped: bytes) -> None:
    with pytest.raises(WrongMasterKey):
        MasterKey(KEY).unwrap(wrapped, purpose="access", key_id="kid")


def test_wrapping_twice_gives_different_bytes() -> None:
    master = MasterKey(KEY)
    assert len({master.wrap(b"secret", purpose="access", key_id="kid") for _ in range(50)}) == 50


def test_derived_secrets_differ_by_purpose_and_key() -> None:
    derived = {MasterKey(key).derive(purpose) for key in (KEY, KEY[::-1]) for purpose in ("a", "b")}
    assert len(derived) == 4
    assert {len(one) for one in derived} == {32}


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(KEY).decode(),
        base64.b64encode(KEY).decode().rstrip("="),
        base64.urlsafe_b64encode(KEY).decode(),
        KEY.hex(),
        KEY.hex().upper() + "\n",
    ],
)
def test_base64_base64url_and_hexadecimal_are_read(text: str) -> None:
    wrapped = MasterKey(KEY).wrap(b"secret", purpose="access", key_id="kid")
    assert MasterKey.parse(text, "a test").unwrap(wrapped, purpose="access", key_id="kid") == b"secret"


@pytest.mark.parametrize(
    "text", ["", "short", "ä" * 43, base64.b64encode(bytes(31)).decode(), "00" * 31, "!" * 44]
)
def test_what_is_no_key_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        MasterKey.parse(text, "a test")
    assert "openssl rand -base64 32" in caught.value.description
    assert not text or text not in caught.value.description


def test_a_key_of_one_repeated_byte_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="one byte repeated"):
        MasterKey.parse(base64.b64encode(bytes(32)).decode(), "a test")


def test_a_key_file_is_read_if_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    path.write_text(MASTER_KEY + "\n")
    path.chmod(0o600)
    load_master_key(settings(tmp_path, master_key="", master_key_file=path))
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        load_master_key(settings(tmp_path, master_key="", master_key_file=path))


def test_a_key_file_that_is_missing_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        MasterKey.from_file(tmp_path / "nothing")
    path = tmp_path / "master.key"
    path.write_bytes(b"\xff\xfe")
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="not text"):
        MasterKey.from_file(path)


def test_a_command_prints_the_key(tmp_path: Path) -> None:
    load_master_key(settings(tmp_path, master_key="", master_key_command=f"echo {MASTER_KEY}"))
    with pytest.raises(ConfigurationError, match="status 3"):
        load_master_key(settings(tmp_path, master_key="", master_key_command="exit 3"))
    with pytest.raises(ConfigurationError, match="holds no master key"):
        load_master_key(settings(tmp_path, master_key="", master_key_command="echo 'no key'"))


def test_under_dev_a_key_file_is_made_once_and_a_command_beside_it_finds_it(tmp_path: Path) -> None:
    dev = settings(tmp_path, master_key="", dev=True)
    derived = load_master_key(dev).derive("same")
    path = tmp_path / "master.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_master_key(dev).derive("same") == derived
    assert load_master_key(settings(tmp_path, master_key="")).derive("same") == derived


def test_without_any_key_the_three_ways_to_give_one_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_master_key(settings(tmp_path, master_key=""))
    for name in ("TOKENWARD_MASTER_KEY", "master_key_file", "master_key_command", "openssl rand"):
        assert name in caught.value.description


async def test_a_wrong_master_key_is_told_at_start_and_changes_nothing(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        path, keys = server.path, server.services.ring.records
    with pytest.raises(WrongMasterKey) as caught:
        async with run_server(tmp_path, master_key=OTHER_MASTER_KEY):
            pass
    assert "give the master key that the database was made with" in caught.value.description
    assert OTHER_MASTER_KEY not in caught.value.description
    with opened(path) as connection:
        assert connection.execute("SELECT count(*) FROM keys").fetchone() == (len(keys),)
    async with run_server(tmp_path) as server:
        assert server.services.ring.records == keys


@pytest.mark.parametrize("uses", [("access", "access"), ("access", "refresh")])
async def test_wrapped_keys_that_were_swapped_in_the_database_do_not_open(
    tmp_path: Path, uses: tuple[str, str]
) -> None:
    async with run_server(tmp_path) as server:
        path = server.path
        one = server.key("active", uses[0])
        other = server.key("pending" if uses == ("access", "access") else "active", uses[1])
    for key, wrapped in ((one, other.private_wrapped), (other, one.private_wrapped)):
        tamper(path, "UPDATE keys SET private_wrapped = ? WHERE kid = ?", wrapped, key.kid)
    with pytest.raises(WrongMasterKey):
        async with run_server(tmp_path):
            pass

"""The mark of a device: for which login, for how long, and under which master key it counts."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest

from tokenward.clock import FakeClock
from tokenward.server.keyring.device_key import DEVICE_KEPT_SECONDS, DeviceKey
from tokenward.server.keyring.wrapping import MasterKey

KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))
LOGIN = "Anna.Kern@example.com"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def key(clock: FakeClock) -> DeviceKey:
    return DeviceKey(MasterKey(KEY), clock)


def test_a_mark_counts_for_its_login_however_that_is_typed(key: DeviceKey) -> None:
    mark = key.make(LOGIN)
    device = key.find_device(mark, LOGIN)
    assert device is not None
    assert len(device) == 16
    assert key.find_device(mark, LOGIN.upper()) == device
    for login in ("ben@example.com", "", LOGIN + " ", "Anna.Kern", "\ud800", "x" * 10_000):
        assert key.find_device(mark, login) is None


def test_each_device_has_an_id_of_its_own_and_keeps_it(key: DeviceKey) -> None:
    first, second = (key.find_device(key.make(LOGIN), LOGIN) for _ in range(2))
    assert first != second
    assert key.find_device(key.make(LOGIN, first), LOGIN) == first


def test_a_mark_says_nothing_of_the_login(key: DeviceKey) -> None:
    raw = urlsafe_b64decode(key.make(LOGIN))
    assert len(raw) == 57
    assert key.find_device(urlsafe_b64encode(raw).decode(), LOGIN) is not None
    assert LOGIN.lower().encode() not in raw.lower()


def test_every_bit_of_a_mark_counts(key: DeviceKey) -> None:
    raw = urlsafe_b64decode(key.make(LOGIN))
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        assert key.find_device(urlsafe_b64encode(changed).decode(), LOGIN) is None, bit


@pytest.mark.parametrize(
    "text", ["", "x", "A" * 76, "A" * 75, "A" * 77, "=" * 76, "é" * 76, "+/" * 38, " " * 76]
)
def test_what_is_no_mark_is_none(key: DeviceKey, text: str) -> None:
    assert key.find_device(text, LOGIN) is None


def test_a_mark_counts_for_180_days(key: DeviceKey, clock: FakeClock) -> None:
    mark = key.make(LOGIN)
    assert DEVICE_KEPT_SECONDS == 180 * 86_400
    clock.advance(DEVICE_KEPT_SECONDS - 1)
    assert key.find_device(mark, LOGIN) is not None
    clock.advance(1)
    assert key.find_device(mark, LOGIN) is None


def test_another_server_makes_other_marks(key: DeviceKey, clock: FakeClock) -> None:
    other = DeviceKey(MasterKey(OTHER_KEY), clock)
    assert other.find_device(key.make(LOGIN), LOGIN) is None


def test_a_mark_counts_while_the_master_key_is_changed_and_no_longer(
    key: DeviceKey, clock: FakeClock
) -> None:
    mark = key.make(LOGIN)
    changing = MasterKey(OTHER_KEY)
    changing.accept_previous(MasterKey(KEY))
    during, after = DeviceKey(changing, clock), DeviceKey(MasterKey(OTHER_KEY), clock)
    assert during.find_device(mark, LOGIN) is not None
    assert after.find_device(mark, LOGIN) is None
    assert after.find_device(during.make(LOGIN), LOGIN) is not None

"""What a proxy says of an address: who is believed, in which header, and what happens to what nobody can read."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenward.errors import InvalidRequest
from tokenward.server.endpoints.client_address import FORWARDED, UNIX_PEER, X_FORWARDED_FOR, client_address

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48"))


def forwarded(peer: str, *values: bytes) -> str:
    return client_address(peer, [(FORWARDED, value) for value in values], TRUSTED, FORWARDED)


def x_forwarded_for(peer: str, *values: bytes) -> str:
    return client_address(peer, [(X_FORWARDED_FOR, value) for value in values], TRUSTED, X_FORWARDED_FOR)


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (b"for=203.0.113.9", "203.0.113.9"),
        (b"For=203.0.113.9", "203.0.113.9"),
        (b'for="203.0.113.9"', "203.0.113.9"),
        (b'for="203.0.113.9:4711"', "203.0.113.9"),
        (b'for="[2001:db8:cafe::17]"', "2001:db8:cafe::17"),
        (b'for="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17"),
        (b'for="[2001:db8:cafe::17]:_port"', "2001:db8:cafe::17"),
        (b'by=10.0.0.1;for=203.0.113.9;proto=https;host="a;b,c"', "203.0.113.9"),
        (b"for=198.51.100.1, for=203.0.113.9", "203.0.113.9"),
        (b"for=198.51.100.1,for=203.0.113.9;proto=https, for=10.0.0.2", "203.0.113.9"),
        (b'for=198.51.100.1, for="[2001:db8:1::2]"', "198.51.100.1"),
        (b" , for=203.0.113.9 ,, ", "203.0.113.9"),
        (b'for="203\\.0.113.9"', "203.0.113.9"),
        (b"for=10.0.0.3, for=10.0.0.2", "10.0.0.3"),
        (b"", "10.0.0.1"),
        # The proxy does not tell: then it is nobody's address, and not the proxy's.
        (b"for=unknown", ""),
        (b"for=_hidden", ""),
        (b'for="_SEVKISEK:99"', ""),
        (b"proto=https", ""),
        (b"for=198.51.100.1, proto=https", ""),
        (b"for=198.51.100.1, for=unknown, for=10.0.0.2", ""),
    ],
)
def test_forwarded_is_read_from_its_end(value: bytes, seen: str) -> None:
    assert forwarded("10.0.0.1", value) == seen


def test_several_header_lines_are_one_list() -> None:
    assert forwarded("10.0.0.1", b"for=198.51.100.1", b"for=203.0.113.9, for=10.0.0.2") == "203.0.113.9"


@pytest.mark.parametrize(
    "value",
    [
        b"203.0.113.9",
        b"for",
        b"for=",
        b"for =203.0.113.9",
        b"for=203.0.113.999",
        b"for=[2001:db8::1]",
        b'for="[2001:db8::1"',
        b'for="203.0.113.9:999999"',
        b"for=nonsense",
        b'for="',
        b'for="203.0.113.9',
        b"for=203.0.113.9;for=198.51.100.1",
        b"for=203.0.113.9 proto=https",
        b"\xff",
        # An open quote that would swallow what the proxy appended.
        b'for="198.51.100.1, for=203.0.113.9',
        b'for=198.51.100.1;host="x, for="203.0.113.9"',
    ],
)
def test_forwarded_that_cannot_be_read_is_refused(value: bytes) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read"):
        forwarded("10.0.0.1", value)
    # From anybody else it is not even read.
    assert forwarded("192.0.2.7", value) == "192.0.2.7"


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (b"203.0.113.9:4711", "203.0.113.9"),
        (b"[2001:db8:cafe::17]:4711", "2001:db8:cafe::17"),
        (b"2001:db8:cafe::17", "2001:db8:cafe::17"),
        (b"nonsense, 203.0.113.9", "203.0.113.9"),
        (b"127.0.0.1, unknown", ""),
    ],
)
def test_x_forwarded_for_is_read_as_proxies_write_it(value: bytes, seen: str) -> None:
    assert x_forwarded_for("10.0.0.1", value) == seen


@pytest.mark.parametrize(
    "value", [b"203.0.113.9, nonsense", b"203.0.113.9, nonsense, 10.0.0.2", b"\xff", b"1.2.3"]
)
def test_what_a_proxy_wrote_that_cannot_be_read_is_refused(value: bytes) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read"):
        x_forwarded_for("10.0.0.1", value)


def test_the_header_that_the_proxies_do_not_write_is_never_read() -> None:
    both = [(X_FORWARDED_FOR, b"203.0.113.9"), (FORWARDED, b"for=127.0.0.1")]
    assert client_address("10.0.0.1", both, TRUSTED, X_FORWARDED_FOR) == "203.0.113.9"
    assert client_address("10.0.0.1", both, TRUSTED, FORWARDED) == "127.0.0.1"
    assert client_address("10.0.0.1", both[1:], TRUSTED, X_FORWARDED_FOR) == "10.0.0.1"


def test_whom_a_unix_socket_lets_in_is_a_proxy_and_has_no_address_of_its_own() -> None:
    assert x_forwarded_for(UNIX_PEER, b"198.51.100.1, 203.0.113.9") == "203.0.113.9"
    assert x_forwarded_for(UNIX_PEER) == ""


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(value: bytes) -> None:
    for read in (forwarded, x_forwarded_for):
        try:
            read("10.0.0.1", value)
        except InvalidRequest:
            continue


@given(st.text(alphabet='fo=r",;\\ 1.:[]_', max_size=40))
def test_nothing_that_a_client_wrote_changes_what_the_proxy_appended(written: str) -> None:
    for read, appended in ((forwarded, "for=203.0.113.9"), (x_forwarded_for, "203.0.113.9")):
        for values in ([f"{written}, {appended}".encode()], [written.encode(), appended.encode()]):
            try:
                seen = read("10.0.0.1", *values)
            except InvalidRequest:
                continue
            assert seen == "203.0.113.9"

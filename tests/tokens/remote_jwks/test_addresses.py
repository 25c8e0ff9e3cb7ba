"""Which addresses may be asked for keys."""

import pytest

from tokenward.errors import ConfigurationError
from tokenward.tokens.remote_jwks import RemoteJWKSet
from tokenward.tokens.remote_jwks.addresses import check_address, is_loopback, is_public


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("https://idp.example/keys", "idp.example", 443, "/keys"),
        ("https://IDP.example", "idp.example", 443, "/"),
        ("https://idp.example:8443/a/b?tenant=1&x=%20", "idp.example", 8443, "/a/b?tenant=1&x=%20"),
        ("https://[2001:DB8::1]:444/", "2001:db8::1", 444, "/"),
        ("https://key_cloak.internal/", "key_cloak.internal", 443, "/"),
        ("HTTPS://idp.example/", "idp.example", 443, "/"),
    ],
)
def test_an_https_address_is_taken_apart(url: str, host: str, port: int, target: str) -> None:
    address = check_address(url, insecure_loopback_http=False)
    assert address == (url, "https", host, port, target)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "LOCALHOST"])
def test_http_is_for_this_machine_and_only_where_it_is_allowed(host: str) -> None:
    url = f"http://{host}:8080/keys"
    with pytest.raises(ConfigurationError, match="insecure_loopback_http"):
        RemoteJWKSet(url)
    assert check_address(url, insecure_loopback_http=True).port == 8080


@pytest.mark.parametrize(
    "url",
    [
        "http://idp.example/keys",
        "http://127.0.0.1.idp.example/keys",
        "http://127.0.0.2/keys",
        "http://localhost.example/keys",
        "http://2130706433/keys",
        "http://[::ffff:127.0.0.1]/keys",
    ],
)
def test_http_to_any_other_host_is_refused_though_loopback_is_allowed(url: str) -> None:
    with pytest.raises(ConfigurationError):
        RemoteJWKSet(url, insecure_loopback_http=True)
    with pytest.raises(ConfigurationError):
        RemoteJWKSet.discover(url, insecure_loopback_http=True)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "idp.example/keys",
        "//idp.example/keys",
        "https:idp.example",
        "https:///keys",
        "https://:443/keys",
        "https://idp.example:0/",
        "https://idp.example:65536/",
        "https://idp.example:x/",
        "https://idp.example:",
        "https://idp.example./",
        "https://idp.example#keys",
        "https://idp.example/keys#",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://[::g]/",
        "https://[::1]x/",
        "https://idp%2eexample/",
        "https://idp.exämple/",
        "https://idp.example/ä",
        "https://idp.example/a b",
        "https://idp.example/\n",
        "\thttps://idp.example/",
        "https://idp.example/\\keys",
        "https://idp.example\\@evil.example/",
        "https://idp.example/" + "k" * 2048,
        "ws://idp.example/",
        None,
        b"https://idp.example/",
    ],
)
def test_what_is_no_plain_https_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        RemoteJWKSet(url, issuer="https://idp.example")
    with pytest.raises(ConfigurationError):
        RemoteJWKSet.discover(url)


def test_an_issuer_has_no_query() -> None:
    for issuer in ("https://idp.example/?", "https://idp.example?tenant=1"):
        with pytest.raises(ConfigurationError, match="query"):
            RemoteJWKSet.discover(issuer)


@pytest.mark.parametrize(
    "ip",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",  # noqa: S104 - it is refused
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::1",
        "2001:0:1::1",
        "2001:db8::1",
    ],
)
def test_an_address_that_is_not_on_the_public_internet_is_not_public(ip: str) -> None:
    assert not is_public(ip)


@pytest.mark.parametrize(
    "ip", ["8.8.8.8", "151.101.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_an_address_on_the_public_internet_is_public(ip: str) -> None:
    assert is_public(ip)


def test_loopback_is_this_machine() -> None:
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert not is_loopback("10.0.0.1")

from ipaddress import ip_network

import pytest

from tokenward.server.endpoints.security import is_within


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),  # A socket for both families names an IPv4 peer like this.
        ("::ffff:11.1.2.3", False),
        ("11.1.2.3", False),
        ("::1", False),
        ("no address", False),
        ("", False),
    ],
)
def test_an_address_is_in_a_network_however_the_socket_names_it(address: str, inside: bool) -> None:
    assert is_within(address, (ip_network("10.0.0.0/8"),)) is inside

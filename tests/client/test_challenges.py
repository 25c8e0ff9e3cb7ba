import pytest

from tokenward.client.challenges import refuses_token
from tokenward.tokens import challenge


@pytest.mark.parametrize(
    "value",
    [
        'Bearer error="invalid_token"',
        "Bearer error=invalid_token",
        "bearer ERROR = invalid_token",
        'Bearer realm="a, b=\\"c", error="invalid_token", error_description="x"',
        'Basic realm="x", Bearer error="invalid_token"',
        'Negotiate YWJj==, Bearer realm="x",error="invalid_token"',
        ', ,Bearer realm="x", ,error="invalid_token"',
        'Bearer error="inv\\alid_token"',
        challenge(realm="tokenward", error="invalid_token", error_description="Refresh."),
    ],
)
def test_a_challenge_that_refuses_the_token(value: str) -> None:
    assert refuses_token([value])
    assert refuses_token(['Basic realm="x"', value])


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer",
        'Bearer realm="x"',
        'Bearer realm="error=invalid_token"',
        'Bearer realm="x, Bearer error=invalid_token"',
        'Bearer error="insufficient_scope"',
        'Bearer error="INVALID_TOKEN"',
        'Bearer error="invalid_token',
        'Bearer error_description="invalid_token"',
        'DPoP error="invalid_token"',
        'Bearer realm="x", DPoP error="invalid_token"',
        'error="invalid_token"',
        'BearerX error="invalid_token"',
        "Bearer error=" + "a" * 9000 + ', error="invalid_token"',
        challenge(realm="tokenward"),
        '"' * 4000,
        "=" * 8000,
        "a " * 4000,
        "a=" * 4000,
    ],
)
def test_a_challenge_that_does_not(value: str) -> None:
    assert not refuses_token([value])

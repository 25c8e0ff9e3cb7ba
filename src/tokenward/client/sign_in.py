"""The ways to sign in. Each gets tokens from the issuer; what is done with them is the same for all."""

from typing import Protocol

from tokenward.client.issuer import Issuer
from tokenward.client.token_set import TokenSet


class SignIn(Protocol):
    """A way to sign in."""

    def obtain(self, issuer: Issuer) -> TokenSet:
        """Start a session at the issuer and return its tokens. May wait for the person as long as it needs.

        Raises:
            SignInFailed: the issuer or the person refused.
            IssuerUnavailable: the issuer gave no usable answer.
        """
        ...


class PasswordSignIn:
    """Signs in with a user name or an e-mail address, and a password. Its `repr` shows neither."""

    def __init__(self, name: str, password: str) -> None:
        self._name = name
        self._password = password

    def obtain(self, issuer: Issuer) -> TokenSet:
        """Start a session; see `SignIn.obtain`.

        Raises:
            SignInFailed: the issuer refused.
            IssuerUnavailable: the issuer gave no usable answer.
        """
        return issuer.log_in(self._name, self._password)

"""For applications and people that hold tokens of a Tokenward server: signing in, keeping tokens, attaching them.

It owns the sign-in and sign-out over the first-party API (`client`, `sign_in`, `issuer`), the one refresh for all who
need a token (`auto_refresh`), what is attached to which request (`token_auth`), and where tokens are kept
(`token_store`). It verifies no token: to whom one speaks is made sure of by TLS, and whoever guards an API uses
`tokenward.tokens`. Not built yet is a sign-in by a browser (RFC 8252), for which `SignIn` has room.

Needs the extra `client`; without `keyring` tokens are kept in a file. For Linux and macOS; elsewhere
`MemoryTokenStore` works alone. Times are seconds.

RFC 6750 sections 2.1 and 3, RFC 6749 sections 5.1 and 6, RFC 9700 section 4.14.
"""

try:
    import httpx as _httpx
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"tokenward.client needs httpx ({error.name} is missing): pip install 'tokenward[client]'",
        name=error.name,
    ) from None

from tokenward.client.client import TokenwardClient
from tokenward.client.errors import (
    IssuerUnavailable,
    SignInFailed,
    SignInRequired,
    TokenStoreUnavailable,
)
from tokenward.client.issuer import Issuer
from tokenward.client.sign_in import PasswordSignIn, SignIn
from tokenward.client.token_auth import TokenAuth
from tokenward.client.token_set import TokenSet
from tokenward.client.token_store import (
    FileTokenStore,
    KeyringTokenStore,
    MemoryTokenStore,
    TokenKey,
    TokenStore,
    default_store,
)

del _httpx

__all__ = [
    "FileTokenStore",
    "Issuer",
    "IssuerUnavailable",
    "KeyringTokenStore",
    "MemoryTokenStore",
    "PasswordSignIn",
    "SignIn",
    "SignInFailed",
    "SignInRequired",
    "TokenAuth",
    "TokenKey",
    "TokenSet",
    "TokenStore",
    "TokenStoreUnavailable",
    "TokenwardClient",
    "default_store",
]

"""Accounts: who can sign in, by what name, with which password and roles.

Owns: creating and changing accounts, what a login, a name and a role may look like (`profile`), which
passwords are accepted (`passwords`, NIST SP 800-63B-4), hashing them without slowing the server
(`password_hasher`, in processes that run `hashing_process`; Argon2id, RFC 9106), and what each change revokes.
Does not own: throttling of guesses (`server.rate_limit`), sessions and the flow of a sign-in (`server.sessions`,
`server.login`), who may call an administrator's function (`server.endpoints`), and the rows (`server.storage`).
"""

from tokenward.server.accounts.accounts import AccountExists, AccountNotFound, Accounts, Page
from tokenward.server.accounts.password_hasher import InvalidCredentials, Overloaded, PasswordHasher, Verified
from tokenward.server.accounts.passwords import PasswordRules, WeakPassword

__all__ = [
    "AccountExists",
    "AccountNotFound",
    "Accounts",
    "InvalidCredentials",
    "Overloaded",
    "Page",
    "PasswordHasher",
    "PasswordRules",
    "Verified",
    "WeakPassword",
]

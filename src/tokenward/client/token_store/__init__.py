"""Where tokens are kept: in memory, in the keyring of the system, or in a file that only its owner can read.

It owns reading, durable writing and the lock that several processes refresh under. What tokens are is in
`tokenward.client.token_set`, and when they are refreshed in `tokenward.client.auto_refresh`.
"""

from tokenward.client.token_set import TokenKey
from tokenward.client.token_store.choice import default_store
from tokenward.client.token_store.file import FileTokenStore
from tokenward.client.token_store.interface import TokenStore
from tokenward.client.token_store.memory import MemoryTokenStore
from tokenward.client.token_store.system_keyring import KeyringTokenStore

__all__ = [
    "FileTokenStore",
    "KeyringTokenStore",
    "MemoryTokenStore",
    "TokenKey",
    "TokenStore",
    "default_store",
]

"""Which store a program uses that names none."""

import logging
from typing import Final

from tokenward.client.token_store.file import FileTokenStore
from tokenward.client.token_store.interface import TokenStore
from tokenward.client.token_store.system_keyring import KeyringTokenStore
from tokenward.errors import ConfigurationError

LOGGER: Final = logging.getLogger("tokenward.client")


def default_store() -> TokenStore:
    """Return the keyring of the system, or the file store where there is none, and log a warning that names it.

    The choice is made anew in each process: a program that signs in at a desktop and runs without one later should
    name its store.

    Raises:
        ConfigurationError: on a system where tokens cannot be kept in a file either.
    """
    store, why = choose_store()
    if why:
        LOGGER.warning("%s Tokens are kept unencrypted in %s, which only you can read.", why, store.place)
    return store


def choose_store() -> tuple[TokenStore, str]:
    """Return the store as `default_store` does, and why it is not the keyring; that is empty where it is."""
    try:
        return KeyringTokenStore(), ""
    except ConfigurationError as error:
        return FileTokenStore(), error.description

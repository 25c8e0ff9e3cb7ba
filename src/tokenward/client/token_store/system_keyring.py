"""Tokens in the keyring of the system: Secret Service, KWallet, macOS Keychain, by the library `keyring`."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final, TypeVar

from tokenward.client.errors import TokenStoreUnavailable
from tokenward.client.token_set import TokenKey, TokenSet, decode, encode
from tokenward.client.token_store.private_folder import PrivateFolder, file_name, state_folder
from tokenward.errors import ConfigurationError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")

_SERVICE: Final = "tokenward"
# The library's own line between what it recommends and what keeps secrets in the clear, or not at all.
_RECOMMENDED: Final = 1


class KeyringTokenStore:
    """Keeps tokens in the keyring that the library `keyring` finds, under the service `tokenward ISSUER`.

    The keyring may ask the person to unlock it. Other programs of the same person can read it on Linux. The lock for
    refreshing is a file without tokens in the folder of `FileTokenStore`.

    Raises:
        ConfigurationError: when `keyring` is not installed, or finds nothing that keeps secrets.
    """

    def __init__(self) -> None:
        self._backend = _find_backend()
        self._locks = PrivateFolder(state_folder())

    @property
    def place(self) -> str:
        """In words for a person."""
        return f"the keyring of the system ({self._backend.name})"

    def __repr__(self) -> str:
        return f"KeyringTokenStore({self._backend.name!r})"

    def load(self, key: TokenKey) -> TokenSet | None:
        """Return what was saved; see `TokenStore.load`.

        Raises:
            TokenStoreUnavailable: the keyring is locked or out of reach.
        """
        text = self._ask(lambda: self._backend.get_password(_service(key), key.account))
        return None if text is None else decode(key, text, self.place)

    def save(self, key: TokenKey, tokens: TokenSet) -> None:
        """Keep these tokens, as durably as the keyring does; see `TokenStore.save`.

        Raises:
            TokenStoreUnavailable: the keyring is locked or out of reach.
        """
        self._ask(lambda: self._backend.set_password(_service(key), key.account, encode(key, tokens)))

    def delete(self, key: TokenKey) -> None:
        """Forget the tokens; see `TokenStore.delete`.

        Raises:
            TokenStoreUnavailable: the keyring is locked or out of reach.
        """
        if self._ask(lambda: self._backend.get_password(_service(key), key.account)) is not None:
            self._ask(lambda: self._backend.delete_password(_service(key), key.account))

    def locked(self, key: TokenKey, timeout_seconds: float) -> AbstractContextManager[None]:
        """Hold the lock of this key; see `TokenStore.locked`.

        Raises:
            TokenStoreUnavailable: another process held it for so long, or it cannot be made.
        """
        return self._locks.locked(f"{file_name(key)}.lock", timeout_seconds)

    def _ask(self, ask: Callable[[], T]) -> T:
        """Ask the backend, and turn whatever it raises into ours: also errors of D-Bus and of the system."""
        try:
            return ask()
        except Exception as error:  # noqa: BLE001 - backends are plug-ins, and promise nothing about what they raise
            failure = type(error).__name__
        # Raised out here: what a backend raises may hold what it was given.
        raise TokenStoreUnavailable(
            f"{self.place} cannot be used ({failure}). Unlock it, or keep tokens in a file: "
            "`--store file`, `store=FileTokenStore()`.",
            reason=f"keyring: {failure}",
        )


def _service(key: TokenKey) -> str:
    return f"{_SERVICE} {key.issuer}"


def _find_backend() -> "KeyringBackend":
    try:
        import keyring
        from keyring.backends.chainer import ChainerBackend
    except ModuleNotFoundError:
        raise ConfigurationError(
            "The library keyring is not installed: pip install 'tokenward[client]'", reason="not_installed"
        ) from None
    try:
        backend = keyring.get_keyring()
        # A chain saves in its first member.
        first = backend.backends[0] if isinstance(backend, ChainerBackend) and backend.backends else backend
        recommended = first.priority >= _RECOMMENDED
    except Exception as error:  # noqa: BLE001 - a configured backend is a plug-in, and may fail in any way
        failure = type(error).__name__
    else:
        if recommended:
            return backend
        failure = first.name
    raise ConfigurationError(
        f"This system has no keyring that keeps secrets (the library keyring offers: {failure}).",
        reason="no_keyring",
    )

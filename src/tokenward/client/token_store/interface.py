"""What a store of tokens promises."""

from contextlib import AbstractContextManager
from typing import Protocol

from tokenward.client.token_set import TokenKey, TokenSet


class TokenStore(Protocol):
    """Keeps the tokens of any number of issuers and accounts. Must bear calls from several threads."""

    @property
    def place(self) -> str:
        """Where the tokens are, in words for a person: `the file …`, `the keyring (…)`."""
        ...

    def load(self, key: TokenKey) -> TokenSet | None:
        """Return what was saved last, also by another process; None where there is nothing.

        Raises:
            TokenStoreUnavailable: it cannot be read, or others could read it.
        """
        ...

    def save(self, key: TokenKey, tokens: TokenSet) -> None:
        """Keep these tokens in the place of earlier ones. On return they survive a crash; never half of them are there.

        Raises:
            TokenStoreUnavailable: they are not kept.
        """
        ...

    def delete(self, key: TokenKey) -> None:
        """Forget the tokens; no error where there are none.

        Raises:
            TokenStoreUnavailable: they are still there.
        """
        ...

    def locked(self, key: TokenKey, timeout_seconds: float) -> AbstractContextManager[None]:
        """Hold the lock of this key, which excludes every thread and process on the same store.

        It ends with the process, however that ends. `load`, `save` and `delete` neither take it nor look at it.

        Raises:
            TokenStoreUnavailable: somebody else held it for so long, or it cannot be made.
        """
        ...

"""Tokens in a file for each issuer and account, which only its owner can read."""

from contextlib import AbstractContextManager
from pathlib import Path

from tokenward.client.token_set import TokenKey, TokenSet, decode, encode
from tokenward.client.token_store.private_folder import PrivateFolder, file_name, state_folder


class FileTokenStore:
    """Keeps tokens unencrypted in files of mode 0600, in a folder of mode 0700.

    Whoever can read files as this user has the tokens, and so has a backup of the home folder. A file that others can
    read, that belongs to another user, or that is a link is refused, and so is such a folder. Locks hold on local
    disks, and over NFS as far as `flock` does.

    Args:
        folder: where the files are; by default `tokenward/tokens` in `$XDG_STATE_HOME` or `~/.local/state`.

    Raises:
        ConfigurationError: on a system without owners and modes of files.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = PrivateFolder(state_folder() if folder is None else folder.absolute())

    @property
    def place(self) -> str:
        """In words for a person."""
        return f"files in {self._folder.path}"

    def __repr__(self) -> str:
        return f"FileTokenStore({str(self._folder.path)!r})"

    def load(self, key: TokenKey) -> TokenSet | None:
        """Return what was saved; see `TokenStore.load`.

        Raises:
            TokenStoreUnavailable: it cannot be read, or others could read it.
        """
        name = f"{file_name(key)}.json"
        content = self._folder.read(name)
        return None if content is None else decode(key, content, str(self._folder.path / name))

    def save(self, key: TokenKey, tokens: TokenSet) -> None:
        """Put the file in place, written through to the disk; see `TokenStore.save`.

        Raises:
            TokenStoreUnavailable: it is not written.
        """
        self._folder.write(f"{file_name(key)}.json", encode(key, tokens).encode())

    def delete(self, key: TokenKey) -> None:
        """Delete the file; see `TokenStore.delete`.

        Raises:
            TokenStoreUnavailable: it is still there.
        """
        self._folder.remove(f"{file_name(key)}.json")

    def locked(self, key: TokenKey, timeout_seconds: float) -> AbstractContextManager[None]:
        """Hold the lock of this key; see `TokenStore.locked`.

        Raises:
            TokenStoreUnavailable: another process held it for so long, or it cannot be made.
        """
        return self._folder.locked(f"{file_name(key)}.lock", timeout_seconds)

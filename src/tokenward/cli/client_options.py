"""What `login`, `logout` and `token` share: whose tokens, where they are kept, and their errors as one clear line.

These three work on tokens of a person, not on the data of a server; they need the extra `client`.
"""

import logging
import shlex
import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from tokenward.cli.running import reports_errors
from tokenward.errors import Error

if TYPE_CHECKING:
    from tokenward.client import TokenStore, TokenwardClient

P = ParamSpec("P")
T = TypeVar("T")

SIGN_IN_REQUIRED_STATUS = 3


def client_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say whose tokens a command works on."""
    options = (
        click.option(
            "--insecure-loopback-http", is_flag=True, help="Allow http for a server on this machine."
        ),
        click.option(
            "--store",
            type=click.Choice(["auto", "keyring", "file"]),
            default="auto",
            help="Where tokens are kept; auto is the keyring of the system, or a file where there is none.",
        ),
        click.option(
            "--account", default="default", help="A name of yours for one of several accounts there."
        ),
        click.option(
            "--issuer", required=True, help="The address of the server, such as https://auth.example.com."
        ),
    )
    for option in options:
        function = option(function)
    return function


def reports_client_errors(function: Callable[P, T]) -> Callable[P, T]:
    """Print an error as one line on standard error, and end with status 3 when somebody must sign in first, else 1."""

    @wraps(function)
    def reporting(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except ModuleNotFoundError as error:
            click.echo(f"Error: {error.msg}", err=True)
            sys.exit(1)
        except Error as error:
            from tokenward.client import SignInRequired

            if not isinstance(error, SignInRequired):
                raise
            click.echo(f"Error: {error.description} {_how_to_sign_in()}", err=True)
            sys.exit(SIGN_IN_REQUIRED_STATUS)

    return reports_errors(reporting)


def _how_to_sign_in() -> str:
    """The command that would sign in to where this one was told to look."""
    given = click.get_current_context().params
    words = ["tokenward", "login", "--issuer", str(given["issuer"])]
    for name in ("account", "store"):
        if given[name] not in ("default", "auto"):
            words += [f"--{name}", str(given[name])]
    if given["insecure_loopback_http"]:
        words.append("--insecure-loopback-http")
    return f"Run: {shlex.join(words)}"


def open_client(
    issuer: str, account: str, store: str, insecure_loopback_http: bool, *, tell_store: bool = False
) -> "TokenwardClient":
    """The tokens of this issuer and account. With `tell_store` a fallback to files is named on standard error."""
    from tokenward.client import TokenwardClient

    # What it warns of is said here, in one line and by an exit code.
    logging.getLogger("tokenward.client").addHandler(logging.NullHandler())
    found, why = _find_store(store)
    client = TokenwardClient(
        issuer, account=account, store=found, insecure_loopback_http=insecure_loopback_http
    )
    if why and tell_store:
        click.echo(f"{why} Tokens are kept unencrypted in {found.place}, which only you can read.", err=True)
    return client


def _find_store(store: str) -> "tuple[TokenStore, str]":
    """The store, and why it is not the keyring where nobody said so."""
    from tokenward.client import FileTokenStore, KeyringTokenStore
    from tokenward.client.token_store.choice import choose_store

    if store == "file":
        return FileTokenStore(), ""
    if store == "keyring":
        return KeyringTokenStore(), ""
    return choose_store()

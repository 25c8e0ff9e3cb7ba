"""`tokenward login`: sign in at a server, and keep the tokens for programs at this terminal."""

import sys

import click

from tokenward.cli.client_options import client_options, open_client, reports_client_errors
from tokenward.cli.running import json_option, print_json


@click.command
@client_options
@click.option("--username", help="A user name or an e-mail address; asked for unless it is given.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@json_option
@reports_client_errors
def login(
    issuer: str,
    account: str,
    store: str,
    insecure_loopback_http: bool,
    username: str | None,
    password_stdin: bool,
    as_json: bool,
) -> None:
    """Sign in with a name and a password, and keep the tokens. A session that this replaces is ended.

    The password is asked for, or read from standard input; arguments end in the shell's history. Signing in with a
    browser is not there yet.
    """
    if not (password_stdin or sys.stdin.isatty()) or (password_stdin and username is None):
        msg = "There is no terminal to ask at. Give --username, and the password on standard input (--password-stdin)."
        raise click.UsageError(msg)
    # The address and the store are looked at before anybody types a password.
    client = open_client(issuer, account, store, insecure_loopback_http, tell_store=True)

    from tokenward.client import PasswordSignIn

    name: str = click.prompt("User name or e-mail address", err=True) if username is None else username
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, err=True)
    client.sign_in(PasswordSignIn(name, password))
    if as_json:
        print_json({"issuer": client.issuer, "account": account, "store": client.place})
    else:
        click.echo(f"Signed in to {client.issuer}. The tokens are in {client.place}.")

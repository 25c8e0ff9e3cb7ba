"""`tokenward logout`: end the session that `tokenward login` started, and forget its tokens."""

import click

from tokenward.cli.client_options import client_options, open_client, reports_client_errors
from tokenward.cli.running import json_option, print_json


@click.command
@client_options
@click.option("--everywhere", is_flag=True, help="End every session of this account, on all devices.")
@click.option(
    "--forget", is_flag=True, help="Only delete the tokens here; the session lives on until it expires."
)
@json_option
@reports_client_errors
def logout(
    issuer: str,
    account: str,
    store: str,
    insecure_loopback_http: bool,
    everywhere: bool,
    forget: bool,
    as_json: bool,
) -> None:
    """End the session at the server, and forget its tokens.

    When the server does not answer, the tokens are kept, so that it can be tried again.
    """
    if everywhere and forget:
        msg = "--everywhere needs the server, and --forget does not ask it. Give one of the two."
        raise click.UsageError(msg)
    client = open_client(issuer, account, store, insecure_loopback_http)
    if forget:
        client.forget()
    else:
        client.sign_out(everywhere=everywhere)
    if as_json:
        print_json(
            {"issuer": client.issuer, "account": account, "ended": not forget, "everywhere": everywhere}
        )
    elif forget:
        click.echo(f"Forgot the tokens of {client.issuer}. The session was not ended.")
    else:
        click.echo(f"Signed out of {client.issuer}{' on all devices' if everywhere else ''}.")

"""`tokenward token`: an access token for a script."""

import click

from tokenward.cli.client_options import client_options, open_client, reports_client_errors
from tokenward.cli.running import json_option, print_json


@click.command
@client_options
@json_option
@reports_client_errors
def token(issuer: str, account: str, store: str, insecure_loopback_http: bool, as_json: bool) -> None:
    """Print an access token that is not about to expire, refreshed where needed.

    For scripts: curl -H "authorization: Bearer $(tokenward token --issuer URL)" URL. Ends with status 3 when nobody is
    signed in.
    """
    client = open_client(issuer, account, store, insecure_loopback_http)
    text = client.access_token()
    if as_json:
        print_json({"access_token": text, "token_type": "Bearer", "expires_in": client.seconds_left})
    else:
        click.echo(text)

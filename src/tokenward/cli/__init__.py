"""The command line: one file for each command. Owns words, tables and exit codes; every rule is a service's.

Exit codes: 0 done, 1 refused or failed (the reason is on standard error), 2 wrong usage.
"""

import sys


def main() -> None:
    """The entry point of the `tokenward` command."""
    try:
        from tokenward.cli.commands import cli
    except ModuleNotFoundError as error:
        # The verifier library is installed alone by default; the server is an extra.
        sys.stderr.write(
            f"The command line needs the extra 'server' ({error.name} is missing): pip install 'tokenward[server]'\n"
        )
        sys.exit(1)
    cli(prog_name="tokenward")

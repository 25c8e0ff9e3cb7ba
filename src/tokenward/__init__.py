"""Tokenward: sign-in for APIs with JSON Web Tokens.

What is where: `tokenward.jose` is the bytes of JSON Web Signatures and Keys, `tokenward.tokens` says what our tokens
contain and verifies them, `tokenward.client` holds tokens for a person (extra `client`), `tokenward.server` is the
authorization server (extra `server`), `tokenward.cli` the command line. Importing this package imports none of them.
"""

__version__ = "0.1.0"

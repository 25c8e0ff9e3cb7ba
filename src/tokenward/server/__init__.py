"""The authorization server: accounts, sessions, keys, revocation, and the HTTP API over them.

It does not own what a token is (`tokenward.tokens`) nor how bytes are signed (`tokenward.jose`).
"""

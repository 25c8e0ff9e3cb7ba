"""Sessions: one row each, and the refresh token that is computed from it.

Owns: the form and computation of a refresh token (`refresh_tokens`), starting, refreshing and ending a session, and
telling a retry from a theft (`sessions`). Does not own: who may start one (`server.login`, later `server.oauth`),
the access token that goes with it (`server.token_issuer`), and what a verifier refuses (`server.revocation`).
OAuth 2.1 section 4.3, RFC 9700 section 4.14.
"""

"""The key ring: every key of this issuer, its state, and which one signs.

Owns: the keys in memory (`ring`), moving them through their states (`rotation`), making
them (`key_material`), and sealing their private parts
under the master key (`wrapping`). Does not own: what a key can do and what a JWK Set is (`tokenward.jose`), where
the rows are (`server.storage`), and what goes into a token (`server.token_issuer`).
States and their times are those of `docs/explain/keys.md`; `kid` is the RFC 7638 thumbprint for key pairs and
`key_` with 128 random bits for symmetric keys, which are never published.
"""

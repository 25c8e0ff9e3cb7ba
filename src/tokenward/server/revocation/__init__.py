"""Revocation at the server: the log of what no longer counts, and the live part of it in memory.

Owns: which record a revocation writes and how long it must be kept, and following the log (`log`). Does not own:
what a record matches (`tokenward.tokens.revocation_set`, the same at every verifier), and the cut-offs in account
and client rows (`storage`, raised by the service that revokes). Numbering for many nodes (the sequencer) and the
feed that carries the log to other verifiers get rooms here when they are built.
"""

"""`/api/v1/admin/…`: what administrators do, over HTTP.

Owns who is let in (`admins`) and the form of each request and answer. Does not own what a change does, nor that it is
audited in the same unit: that is `accounts`, `sessions`, `keyring` and `revocation`. The command line does the same
without this door.
"""

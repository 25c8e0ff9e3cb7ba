"""The first party's JSON API under `/api/v1`.

`auth` registers, logs in, refreshes and logs out; `users` is the account that signed in.
"""

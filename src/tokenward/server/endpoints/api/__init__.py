"""The first party's JSON API under `/api/v1`.

`auth` registers, logs in, refreshes and logs out; `users` is the account that signed in, `own_sessions` where it is
signed in. `signed_in` finds who asks, and `rendering` is what their answers have in common.
"""

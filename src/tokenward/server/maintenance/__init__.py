"""What an operator does to a server as a whole: look it over, back it up, restore it, change what seals it.

Owns the examination (`doctor`), the copy and its way back (`backup`, `restore`), the change and the loss of the
master key (`sealing`), and the import of accounts from the files of other systems (`importing`). Commands put these
into words; what a single account, session or key needs is its own service's, and the upkeep that a running server does
by itself is `server.upkeep`'s.
"""

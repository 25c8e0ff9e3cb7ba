"""What the server keeps: records, units of change, and the engines that hold them.

Owns every SQL statement, the schema and its migrations, atomicity, durability and the order of commits.
It does not own what a change means: services compose units (`server.sessions`, `server.accounts`, …).
It knows no secret: what is wrapped was wrapped by `server.keyring` before it came here.
"""

"""How requests reach the server: sockets, TLS, and the end of both.

Owns the listening sockets (`listeners`: an address, a Unix socket, or what systemd hands over), the certificate that
is served and how a new one takes its place (`certificate`), and the server program with its drain (`program`). Does not
own HTTP: what a connection may send and how long that may take is in `endpoints/connection`, whom a proxy may speak for
in `endpoints/client_address`. TLS follows RFC 9325, and names in certificates RFC 9525.
"""

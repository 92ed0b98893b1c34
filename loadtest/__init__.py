"""An outsider: the reference client, virtual users, the auditor and the report.

It sees what a client sees: sockets and HTTP. Its codec is the independent `msgpack` package.
It imports `protocol` for limits and close codes alone, and starts servers only as child processes.
"""

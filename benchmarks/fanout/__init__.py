"""What a broadcast costs the server: ours, a bare loop of `send`, and the servers that others use.

Here: the contenders' servers, each a process of its own, the clients that read and discard what they
send, and the rounds in which they take turns. Nothing here is imported by the server.
"""

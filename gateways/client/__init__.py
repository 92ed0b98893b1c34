"""The binary WebSocket gateway: accept, handshake, one hub task for all sockets, fan-out. No meaning, only frames."""

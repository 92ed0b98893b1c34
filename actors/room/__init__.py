"""One chat room: its membership, its log's order, its read pointers."""

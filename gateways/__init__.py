"""Where the outside comes in and the inside goes out: sockets, HTTP, partners. They never import each other."""

"""Models served in this process. Empty until the personas come; it holds its place in the import contracts."""

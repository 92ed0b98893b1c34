"""The item tower and its gate: simulated travellers, fits, export. Nobody real is in here."""

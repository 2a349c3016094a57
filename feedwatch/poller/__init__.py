"""The poller: bytes in, politely. Knows nothing of entries."""

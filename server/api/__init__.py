"""The HTTP API. Nothing in here, nor what it imports, imports torch."""

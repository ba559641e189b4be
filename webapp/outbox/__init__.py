"""Messages: queued, sent, failed."""

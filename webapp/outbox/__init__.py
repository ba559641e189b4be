"""The outbox: queued messages, their delivery, and the pages that show them."""

"""What a mail server needs that expires, and the alerts about it."""

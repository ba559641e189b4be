"""Which certificate a mail server presents that isn't accepted, and what an administrator could trust."""

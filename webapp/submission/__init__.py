"""SMTP submission: other programs hand in their email as they would to any mail server (RFC 6409)."""

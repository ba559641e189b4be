"""The HTTP API, by which other programs send email, see what became of it, and manage users."""

"""One-time links and codes: made, opened, handed over."""

"""Telling another program, at an address that administrators choose, what becomes of the mail server."""

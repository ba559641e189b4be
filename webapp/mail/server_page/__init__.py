"""The mail server settings page."""

"""Activating an account, and resetting a forgotten password."""

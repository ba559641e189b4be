"""Expiry dates and the alerts about them."""

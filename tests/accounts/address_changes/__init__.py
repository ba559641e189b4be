"""Tests of webapp.accounts.address_changes."""

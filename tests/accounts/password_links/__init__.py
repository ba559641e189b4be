"""Tests of webapp.accounts.password_links."""

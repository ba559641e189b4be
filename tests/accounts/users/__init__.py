"""Tests of webapp.accounts.users."""

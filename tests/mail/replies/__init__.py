"""Tests of `webapp.mail.replies`."""

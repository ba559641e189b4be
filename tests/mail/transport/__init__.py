"""Tests of webapp.mail.transport."""

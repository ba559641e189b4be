"""Tests of webapp.mail.diagnosis."""

"""Tests of webapp.mail.round_trips."""

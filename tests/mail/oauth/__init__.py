"""Tests of webapp.mail.oauth."""

"""Tests of webapp.mail.server_page."""

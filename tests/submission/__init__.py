"""Tests of the SMTP server and of sendmail."""

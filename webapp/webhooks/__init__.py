"""Webhooks: events of the mail server, sent to another application."""

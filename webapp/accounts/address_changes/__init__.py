"""Changing an email address: request, confirm, undo."""

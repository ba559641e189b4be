"""The mail server: its settings, signing in to it, sending, and what a failure means."""

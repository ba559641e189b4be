"""People: sign in, activate, reset, users."""

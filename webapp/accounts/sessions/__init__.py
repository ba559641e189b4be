"""Signing in and out, and the sessions of signed-in browsers."""

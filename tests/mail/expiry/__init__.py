"""Tests of expiries."""

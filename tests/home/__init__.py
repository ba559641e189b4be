"""Tests of webapp.home."""

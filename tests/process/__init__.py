"""Tests of webapp.process."""

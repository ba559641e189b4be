"""Tests of trust in certificates."""

"""Tests of webapp.cli."""

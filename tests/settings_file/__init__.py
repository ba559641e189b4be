"""Tests of settings_file."""

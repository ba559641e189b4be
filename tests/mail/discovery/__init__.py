"""Tests of finding the settings of a mail service."""

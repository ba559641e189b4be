"""Tests of the emails that applications hand in."""

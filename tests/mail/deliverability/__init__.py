"""Tests of the deliverability check, against a name server on loopback."""

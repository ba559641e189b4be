"""Benchmarks of Mailroom on this machine: `python -m tests.bench`."""

"""How fast Mailroom is, on this machine: `python -m tests.bench`."""

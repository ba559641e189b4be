"""What administrators do to accounts, and how the first one is created."""

"""What is owed, sent and failed."""

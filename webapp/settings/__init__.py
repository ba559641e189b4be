"""What is true of the whole installation: its public address, its name, whom to ask."""

"""Users created from a CSV file."""

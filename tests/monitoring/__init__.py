"""What shows how email is doing."""

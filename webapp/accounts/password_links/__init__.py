"""Pages behind activation and reset links."""

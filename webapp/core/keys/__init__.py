"""The keys that seal and sign, and how they are rotated."""

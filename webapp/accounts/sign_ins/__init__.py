"""Browsers that are signed in: let in, known, locked out, asked again."""

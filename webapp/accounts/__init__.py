"""User accounts: users, sessions, passwords, links, profiles."""

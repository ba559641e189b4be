"""The providers that Mailroom brings, each a plugin like a stranger's."""

"""What every other package stands on: configuration, database, secrets, sockets, text."""

"""What the tests stand on: databases, browsers, mail servers."""

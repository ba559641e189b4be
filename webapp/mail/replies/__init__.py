"""What a mail server's reply means, read by its structure: pure functions that know no settings and no texts."""

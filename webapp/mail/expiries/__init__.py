"""What the mail server needs and what ends: on the page, on every page, by mail."""

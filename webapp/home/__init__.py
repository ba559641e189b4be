"""The first page, which answers whether mail is being delivered."""

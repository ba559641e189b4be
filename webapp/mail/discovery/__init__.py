"""Which settings a mail service needs, found from a domain or an address of it."""

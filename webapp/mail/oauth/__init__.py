"""The OAuth2 protocol, as a client of providers. Authlib is used only here."""

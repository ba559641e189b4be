"""OAuth2 as a client of providers: gaining access tokens. Only this package uses Authlib."""

"""OAuth2 grants: gained, renewed, shown."""

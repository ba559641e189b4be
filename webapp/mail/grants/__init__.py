"""OAuth2 grants: obtained, refreshed, stored."""

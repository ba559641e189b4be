"""The demo's plugin folder."""

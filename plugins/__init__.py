"""The providers that come with Mailroom, written like any other plugin."""

"""What the settings announce, inside the transaction: receivers get the `session`."""

from blinker import Signal

# Sent inside the transaction that saves the general settings, with `session`.
settings_saved = Signal()

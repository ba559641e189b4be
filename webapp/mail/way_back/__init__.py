"""The way back to earlier settings of a mail server: restored by an administrator, or by Mailroom itself."""

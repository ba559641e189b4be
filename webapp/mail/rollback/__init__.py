"""Earlier settings of a mail server used again: restored by an administrator, or by Mailroom itself."""

"""What the mail server announces, inside the transaction: receivers get the `session`."""

from blinker import Signal

# Sent inside the transaction that saves, with `session`.
mail_server_saved = Signal()
grant_obtained = Signal()
# A test email went out through the saved mail server, as it is: with `server`.
mail_server_works = Signal()
# The same, with the `expiry`.
expiry_alert_raised = Signal()
# Mailroom restored settings that worked, with the `rollback` of `webapp.mail.rollback`.
mail_server_rolled_back = Signal()

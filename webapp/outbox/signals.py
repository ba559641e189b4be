"""What the outbox announces, inside the transaction in which it happens."""

from blinker import Signal

# Messages will not be sent any more. Sent with `session`, their `ids`, and what servers said to those that were sent:
# `replies` by id.
messages_ended = Signal()
# A mail server failed twice in a row while another one sends, or works again after that. Sent with `session`, its
# `trouble` and, in the first case, the name of the other one, `sent_by`.
server_in_trouble = Signal()
server_well = Signal()

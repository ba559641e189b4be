"""Applications: other programs that send through Mailroom, or manage its users, with credentials of their own."""

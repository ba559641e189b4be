"""The webhook: signed events about the mail server, sent to a URL that administrators choose."""

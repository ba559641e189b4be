"""The demo that `make run` starts: accounts to try, and a mail server that shows every email on a page."""

"""The demo that `make run` starts: accounts to try, and a mail server whose inbox is a page."""

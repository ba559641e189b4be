"""Whether a test email arrives: its link leads through the public URL, and what is noticed there is shown."""

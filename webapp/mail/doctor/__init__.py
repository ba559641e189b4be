"""The doctor: checks a mail server stage by stage, says what is wrong, and finds settings that work."""

"""Emails that applications hand in: what is checked, how their content is kept, and how it is sent."""

"""A new email address: requested, confirmed, undone."""

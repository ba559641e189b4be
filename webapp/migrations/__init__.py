"""The schema's history, for `mailroom upgrade`."""

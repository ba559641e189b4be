"""The first page, which says whether email is being delivered."""

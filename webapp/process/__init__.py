"""The processes that run Mailroom: web server, worker, supervisor."""

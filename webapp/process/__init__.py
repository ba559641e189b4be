"""The processes that run Mailroom: web server, worker, and a supervisor for both."""

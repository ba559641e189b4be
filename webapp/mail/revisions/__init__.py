"""What was put to use of each mail server: who changed it when, and whether email went out with it."""

"""The revisions of each mail server: who changed what when, and whether email went out with it."""

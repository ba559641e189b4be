"""How many files and connections a process may have open."""

import resource

# A connection to the web server may need three.
OPEN_FILES = 4096


def allow_open_files() -> None:
    """Raise the limit of this process to OPEN_FILES, or as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))

"""`python -m webapp.cli` is the `mailroom` command."""

from webapp.cli import main

if __name__ == "__main__":
    main(prog_name="mailroom")

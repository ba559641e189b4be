"""The examples of docs/connect-an-application.md, so that the tests run what people copy."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.applications import IDENTIFIER, SECRET
from tests.support.running import clean

DOCUMENT = Path(__file__).parents[2] / "docs" / "connect-an-application.md"
MARKED = re.compile(r"<!-- example: (\S+) -->\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def example(name: str) -> str:
    """Return the code of the example that the document marks with this name."""
    found: dict[str, str] = dict(MARKED.findall(DOCUMENT.read_text()))
    return found[name]


def run_example(*command: str, **environ: str) -> str:
    """Run a command as the shop, with these environment variables, and return what it printed."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    credentials = {"SMTP_USERNAME": IDENTIFIER, "SMTP_PASSWORD": SECRET, "PATH": programs}
    done = subprocess.run(command, env=clean(credentials | environ), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout

"""Read the settings file, and the files and environment variables that it names for secrets.

No error quotes what was read: it may be a secret, or the wrong file.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# In bytes. A file with hundreds of applications is smaller, and a key is much smaller.
MAX_FILE_SIZE, MAX_SECRET_SIZE = 128 * 1024, 64 * 1024
ADVICE = 'Write { file = "/path/to/a/file" } or { env = "NAME_OF_A_VARIABLE" }.'


class CannotRead(Exception):
    """A file or a variable can't be used; the message says why, in one sentence."""


def read_text(path: Path, most: int) -> str:
    """Return the text of a file of at most `most` bytes. Raises CannotRead.

    Links are followed, as secrets that orchestrators mount are links. Devices and pipes would keep Mailroom waiting.
    """
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise CannotRead(f"{path} is not a file.")
            content = file.read(most + 1)
    except OSError as error:
        raise CannotRead(f"{path} can't be read ({error.strerror}).") from None
    except ValueError:
        raise CannotRead("This is not the path of a file.") from None
    if len(content) > most:
        raise CannotRead(f"{path} is larger than {most // 1024} KB.")
    try:
        # Some editors write a byte order mark.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CannotRead(f"{path} is not a text file (UTF-8).") from None


def secret_file(value: Any, folder: Path) -> Path | None:
    """Return the file that a secret is in, if it is in one. A relative path starts at the folder of the settings."""
    path = value.get("file") if isinstance(value, dict) and len(value) == 1 else None
    return folder / path if isinstance(path, str) and path else None


def read_secret(value: Any, folder: Path, environ: Mapping[str, str] = os.environ) -> str:
    """Return the secret that `{ file = … }` or `{ env = … }` names. Raises CannotRead.

    Line ends after it don't belong to it: editors and `echo` add one.
    """
    if isinstance(value, str):
        raise CannotRead(f"A secret can't be written into this file, which others may read. {ADVICE}")
    name = value.get("env") if isinstance(value, dict) and len(value) == 1 else None
    if path := secret_file(value, folder):
        secret, source = read_text(path, MAX_SECRET_SIZE).rstrip("\r\n"), str(path)
    elif isinstance(name, str) and name:
        secret, source = environ.get(name, ""), f"The environment variable {name}"
        if name not in environ:
            raise CannotRead(f"{source} is not set.")
    else:
        raise CannotRead(f"This is not a secret. {ADVICE}")
    if not secret:
        raise CannotRead(f"{source} is empty.")
    return secret

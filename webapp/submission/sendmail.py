"""`mailroom sendmail`: what programs start as /usr/sbin/sendmail (cron, PHP, git), and hands their email in by SMTP.

It reaches the submission port like any application, so it needs neither the database, the instance folder nor a key of
Mailroom's. Programs start it for every email, so it imports nothing else of the application.
"""

import os
import pwd
import smtplib
import socket
import ssl
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from webapp.submission import sendmail_content
from webapp.submission.sendmail_content import Content

# sysexits.h
EX_USAGE, EX_DATAERR, EX_NOUSER, EX_UNAVAILABLE, EX_TEMPFAIL, EX_NOPERM, EX_CONFIG = 64, 65, 67, 69, 75, 77, 78
PREFIX, FILE = "MAILROOM_SENDMAIL_", "/etc/mailroom/sendmail.toml"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
TIMEOUT = 60
# In one email; Mailroom takes twice as many.
MAX_RECIPIENTS = 500
# Options with a value, in the same word or the next one; those with a letter in the same word; and the others.
VALUED, LETTERED, FLAGS = "fFrBNRVOXCDLhp", "boAq", "itvnmUGE"
HELP = """\
usage: mailroom sendmail [-t] [-i] [-f SENDER] [-F NAME] [--] [RECIPIENT ...] < EMAIL

Hand in an email to Mailroom, as /usr/sbin/sendmail does.

  -t         also send to the addresses in To, Cc and Bcc
  -i, -oi    a line with a dot alone doesn't end the email
  -f SENDER  sender of the envelope
  -F NAME    name for the From header, if the email has none

-bm, -B, -N, -R, -V, -v and all other -o options change nothing. Other modes (-bs, -bp, -q …) are refused.

It is configured in /etc/mailroom/sendmail.toml (or the file in MAILROOM_SENDMAIL_CONFIG), and by environment variables
that begin with MAILROOM_SENDMAIL_ instead: host (127.0.0.1), port (2525), security (none, starttls, tls), identifier,
secret_file, from (sender where none is given), domain (for addresses without one). Without an identifier, Mailroom must
trust the network. Exit codes are those of sysexits.h.
"""


class Failed(Exception):
    """It can't be done; the text says why, for standard error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line."""

    recipients: Sequence[str] = ()
    sender: str | None = None
    name: str = ""
    reads_recipients: bool = False
    ignores_dots: bool = False


@dataclass(frozen=True)
class Settings:
    """Where to hand in email, and as which application."""

    host: str = "127.0.0.1"
    port: int = 2525
    security: str = ""
    identifier: str = ""
    secret: str = field(default="", repr=False)
    sender: str = ""
    domain: str = ""

    def address(self, name: str) -> str:
        """Return an address with its domain. Raises Failed for a local user if no domain is configured."""
        domain = self.domain or self.sender.rpartition("@")[2]
        if "@" in name or not name:
            return name
        if not domain:
            raise Failed(EX_NOUSER, f"{name!r} has no domain, and neither domain nor from is configured")
        return f"{name}@{domain}"

    def sending_address(self, name: str) -> str:
        """Return a sender's address. A local user without a configured domain sends from the configured address."""
        return (
            name if "@" in name or not name else self.address(name) if self.domain or not self.sender else self.sender
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if "--help" in given:
        sys.stdout.write(HELP)
        return 0
    try:
        options, settings = parse(given), load_settings(os.environ)
        run(options, settings, sys.stdin.buffer.read())
    except Failed as error:
        sys.stderr.write(f"mailroom sendmail: {error}\n")
        return error.code
    return 0


def parse(arguments: Sequence[str]) -> Options:
    """Parse the command line. Raises Failed."""
    if any("\n" in word or "\r" in word for word in arguments):
        # It would add headers or commands.
        raise Failed(EX_USAGE, "an argument has a line break")
    options, words = Options(), iter(arguments)
    recipients: list[str] = []
    for word in words:
        if word == "--":
            recipients += words
        elif word.startswith("-") and len(word) > 1:
            options = _with_options(options, word[1:], words)
        else:
            recipients.append(word)
    return replace(options, recipients=[one for word in recipients for one in sendmail_content.addresses(word)])


def _with_options(options: Options, letters: str, words: Iterator[str]) -> Options:
    """Apply the options in one word, such as `-ti` or `-fada@example.com`."""
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter in LETTERED:
            return _with_mode(options, letter, letters)
        if letter in VALUED:
            value = letters or next(words, None)
            if value is None:
                raise Failed(EX_USAGE, f"-{letter} needs a value")
            return _with_value(options, letter, value)
        if letter not in FLAGS:
            raise Failed(EX_USAGE, f"there is no option -{letter}; --help lists them")
        if letter == "t":
            options = replace(options, reads_recipients=True)
        elif letter == "i":
            options = replace(options, ignores_dots=True)
    return options


def _with_mode(options: Options, letter: str, value: str) -> Options:
    if (letter == "b" and value != "m") or letter == "q":
        raise Failed(EX_USAGE, f"-{letter}{value} isn't supported: this program only hands in one email")
    return replace(options, ignores_dots=True) if letter + value == "oi" else options


def _with_value(options: Options, letter: str, value: str) -> Options:
    if letter in "fr":
        return replace(options, sender=value.strip("<>"))
    return replace(options, name=value) if letter == "F" else options


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read the file, if there is one, and the environment. Raises Failed."""
    given = _file(Path(environ.get(f"{PREFIX}CONFIG") or FILE), required=f"{PREFIX}CONFIG" in environ)
    for name in ("host", "port", "security", "identifier", "secret_file", "from", "domain"):
        if value := environ.get(PREFIX + name.upper()):
            given[name] = value
    secret_file = given.pop("secret_file", None)
    if secret_file is not None:
        given["secret"] = _secret(str(secret_file))
    return _settings(given)


def _settings(given: dict[str, Any]) -> Settings:
    given["sender"] = given.pop("from", "")
    if unknown := set(given) - set(Settings.__dataclass_fields__):
        known = "host, port, security, identifier, secret_file, from, domain"
        raise Failed(EX_CONFIG, f"there is no setting {min(unknown)!r}; there are: {known}")
    try:
        given["port"] = int(given.get("port", 2525))
    except (ValueError, TypeError) as error:
        raise Failed(EX_CONFIG, "port must be a number") from error
    settings = Settings(**given)
    security = settings.security or ("none" if settings.host in LOOPBACK else "starttls")
    if security not in ("none", "starttls", "tls"):
        raise Failed(EX_CONFIG, "security must be none, starttls or tls")
    if bool(settings.identifier) != bool(settings.secret):
        raise Failed(EX_CONFIG, "identifier and secret_file belong together")
    if settings.secret and security == "none" and settings.host not in LOOPBACK:
        raise Failed(EX_CONFIG, "a secret isn't sent to another machine without TLS; set security to starttls or tls")
    return replace(settings, security=security)


def _file(path: Path, required: bool) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        if required:
            raise Failed(EX_CONFIG, f"{path}: there is no such file") from error
        return {}
    except OSError as error:
        raise Failed(EX_CONFIG, f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise Failed(EX_CONFIG, f"{path}: this is not TOML ({error})") from error


def _secret(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise Failed(EX_CONFIG, f"secret_file {path}: {reason}") from None


def run(options: Options, settings: Settings, written: bytes) -> None:
    """Hand in an email as it was written to standard input. Raises Failed."""
    content = Content.read(written, options.ignores_dots)
    found = content.recipients() if options.reads_recipients else []
    recipients = list(dict.fromkeys(settings.address(one) for one in [*options.recipients, *found]))
    if any("\r" in one for one in recipients):
        raise Failed(EX_DATAERR, "an address in the email has a CR")
    if not recipients:
        missing = (
            "in To, Cc and Bcc" if options.reads_recipients else "on the command line; -t takes those in the email"
        )
        raise Failed(EX_USAGE, f"no recipients {missing}")
    sender = _sender(options, settings, content)
    content = content.completed(sender, options.name, settings.sending_address, settings.address)
    try:
        octets = content.octets()
    except ValueError as error:
        raise Failed(EX_DATAERR, str(error)) from error
    _send(settings, sender, recipients, octets)


def _sender(options: Options, settings: Settings, content: Content) -> str:
    if options.sender is not None:
        return settings.sending_address(options.sender)
    return settings.sender or settings.sending_address(content.sender() or _user())


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return "nobody"


def _send(settings: Settings, sender: str, recipients: Sequence[str], octets: bytes) -> None:
    options = ["BODY=8BITMIME"]
    if not all(one.isascii() for one in (sender, *recipients)):
        options.append("SMTPUTF8")
    refused: dict[str, tuple[int, bytes]] = {}
    try:
        with ExitStack() as stack:
            smtp = stack.enter_context(_connected(settings))
            for start in range(0, len(recipients), MAX_RECIPIENTS):
                refused |= smtp.sendmail(sender, recipients[start : start + MAX_RECIPIENTS], octets, options)
    except smtplib.SMTPRecipientsRefused as error:
        refused |= error.recipients
    except smtplib.SMTPResponseException as error:
        raise _refused(error.smtp_code, error.smtp_error) from error
    except smtplib.SMTPNotSupportedError as error:
        raise Failed(EX_CONFIG, f"{settings.host}: {error}") from error
    except smtplib.SMTPException as error:
        raise Failed(EX_TEMPFAIL, f"{settings.host}: {error}") from error
    except ssl.SSLError as error:
        raise Failed(EX_UNAVAILABLE, f"{settings.host}: no TLS connection ({error})") from error
    except (OSError, UnicodeError) as error:
        raise Failed(EX_TEMPFAIL, f"{settings.host} port {settings.port}: {error}") from error
    if refused:
        address, (code, reply) = next(iter(refused.items()))
        failure = _refused(code, reply)
        raise Failed(failure.code, f"{address}: {failure}")


def _connected(settings: Settings) -> smtplib.SMTP:
    # Looking up the name of this machine may take seconds, and Mailroom doesn't need it.
    name = "localhost" if settings.host in LOOPBACK else socket.gethostname()
    if settings.security == "tls":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(
            settings.host, settings.port, name, timeout=TIMEOUT, context=ssl.create_default_context()
        )
    else:
        smtp = smtplib.SMTP(settings.host, settings.port, name, timeout=TIMEOUT)
    if settings.security == "starttls":
        smtp.starttls(context=ssl.create_default_context())
    if settings.identifier:
        smtp.login(settings.identifier, settings.secret)
    return smtp


def _refused(code: int, reply: bytes | str) -> Failed:
    """Return the failure for a reply: later for 4xx, else by the subject of its enhanced code (RFC 3463)."""
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    subject = text.split(" ")[0].split(".")[1:2]
    if 400 <= code < 500:
        return Failed(EX_TEMPFAIL, f"{code} {text}")
    by_subject = {"1": EX_NOUSER, "6": EX_DATAERR, "7": EX_NOPERM}
    return Failed(by_subject.get(subject[0] if subject else "", EX_UNAVAILABLE), f"{code} {text}")


if __name__ == "__main__":
    sys.exit(main())

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
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from webapp.submission import sendmail_content
from webapp.submission.sendmail_content import Content
from webapp.submission.sendmail_settings import LOOPBACK, Failed, Settings, load_settings

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


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line."""

    recipients: Sequence[str] = ()
    sender: str | None = None
    name: str = ""
    reads_recipients: bool = False
    ignores_dots: bool = False


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
        raise Failed(os.EX_USAGE, "an argument has a line break")
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
                raise Failed(os.EX_USAGE, f"-{letter} needs a value")
            return _with_value(options, letter, value)
        if letter not in FLAGS:
            raise Failed(os.EX_USAGE, f"there is no option -{letter}; --help lists them")
        if letter == "t":
            options = replace(options, reads_recipients=True)
        elif letter == "i":
            options = replace(options, ignores_dots=True)
    return options


def _with_mode(options: Options, letter: str, value: str) -> Options:
    if (letter == "b" and value != "m") or letter == "q":
        raise Failed(os.EX_USAGE, f"-{letter}{value} isn't supported: this program only hands in one email")
    return replace(options, ignores_dots=True) if letter + value == "oi" else options


def _with_value(options: Options, letter: str, value: str) -> Options:
    if letter in "fr":
        return replace(options, sender=value.strip("<>"))
    return replace(options, name=value) if letter == "F" else options


def run(options: Options, settings: Settings, written: bytes) -> None:
    """Hand in an email as it was written to standard input. Raises Failed."""
    content = Content.read(written, options.ignores_dots)
    found = content.recipients() if options.reads_recipients else []
    recipients = list(dict.fromkeys(settings.address(one) for one in [*options.recipients, *found]))
    if any("\r" in one for one in recipients):
        raise Failed(os.EX_DATAERR, "an address in the email has a CR")
    if not recipients:
        missing = (
            "in To, Cc and Bcc" if options.reads_recipients else "on the command line; -t takes those in the email"
        )
        raise Failed(os.EX_USAGE, f"no recipients {missing}")
    sender = _sender(options, settings, content)
    content = content.completed(sender, options.name, settings.sending_address, settings.address)
    try:
        octets = content.octets()
    except ValueError as error:
        raise Failed(os.EX_DATAERR, str(error)) from error
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
        raise Failed(os.EX_CONFIG, f"{settings.host}: {error}") from error
    except smtplib.SMTPException as error:
        raise Failed(os.EX_TEMPFAIL, f"{settings.host}: {error}") from error
    except ssl.SSLError as error:
        raise Failed(os.EX_UNAVAILABLE, f"{settings.host}: no TLS connection ({error})") from error
    except (OSError, UnicodeError) as error:
        raise Failed(os.EX_TEMPFAIL, f"{settings.host} port {settings.port}: {error}") from error
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
        return Failed(os.EX_TEMPFAIL, f"{code} {text}")
    by_subject = {"1": os.EX_NOUSER, "6": os.EX_DATAERR, "7": os.EX_NOPERM}
    return Failed(by_subject.get(subject[0] if subject else "", os.EX_UNAVAILABLE), f"{code} {text}")


if __name__ == "__main__":
    sys.exit(main())

"""Authentication at a mail server: the base class, a password, and none."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NoReturn, Protocol

from flask_babel import lazy_gettext as _

from webapp.core.email_addresses import with_ascii_at
from webapp.core.text import trimmed, without_blanks
from webapp.providers.diagnosis import DiagnosisRule, Text
from webapp.providers.rules import Pattern


@dataclass(frozen=True)
class Account:
    """What to authenticate with: the user name, the decrypted secrets and the provider's own fields."""

    username: str
    secrets: Mapping[str, str] = field(repr=False)
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def password(self) -> str:
        """The saved or entered password."""
        return self.secrets.get("password", "")


class SmtpDialogue(Protocol):
    """The open SMTP connection, as an authentication uses it."""

    @property
    def mechanisms(self) -> frozenset[str]:
        """The SASL mechanisms that the server offers, in upper case.

        When the server doesn't know one of them after all (504), it is gone, and the handler is called again.
        """

    @property
    def peer(self) -> tuple[str, int]:
        """The host name and port that were connected to."""

    def authenticate(
        self, mechanism: str, initial: bytes | None = None, respond: Callable[[bytes], bytes] | None = None
    ) -> None:
        """Run one SASL exchange (RFC 4954), including base64. Nothing that is sent appears in a log or transcript.

        `initial` is the initial response, if the mechanism has one; `respond` answers each challenge.
        Raises DeliveryError with the server's reply if it rejects the credentials.
        """

    def refuse(self, code: str, **params: str) -> NoReturn:
        """Give up before anything is sent: raise the error that says why authentication is impossible.

        A `DiagnosisRule` for `code` explains it. Without one, the page shows the parameter `error`, or else the
        code itself, as what the plugin says.
        """


@dataclass(frozen=True)
class Authentication:
    """A method of authentication: the form fields that it needs, and the code that authenticates.

    A subclass defines `key`, its name in the form and the database, and `label`, its name for people.
    """

    @property
    def key(self) -> str:
        """Its name in the form and the database."""
        raise TypeError(f"{type(self).__name__} has no key")

    @property
    def label(self) -> Text:
        """Its name for people."""
        raise TypeError(f"{type(self).__name__} has no label")

    @property
    def fields(self) -> Sequence[str]:
        """The built-in form fields that it needs."""
        return ()

    @property
    def optional_fields(self) -> Sequence[str]:
        """Those of its fields that may be empty."""
        return ()

    @property
    def methods(self) -> Sequence["Authentication"]:
        """The choices in the form: itself, unless one declaration stands for several."""
        return (self,)

    @property
    def diagnosis_rules(self) -> Sequence[DiagnosisRule]:
        """Diagnoses of known failures with this authentication; tried before those of the provider."""
        return ()

    def clean(self, name: str, value: str) -> str:
        """Return what was entered into the field `name` without the usual copying mistakes."""
        return value

    def authenticate(self, dialogue: SmtpDialogue, account: Account) -> None:
        """Authenticate over `dialogue`, or raise an exception."""
        raise TypeError(f"{type(self).__name__} has no handler")


@dataclass(frozen=True)
class NoAuthentication(Authentication):
    """For relays that recognise their clients by IP address."""

    key: ClassVar[str] = "none"
    label: ClassVar[Text] = _("No authentication")

    def authenticate(self, dialogue: SmtpDialogue, account: Account) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Password(Authentication):
    """A user name and a password, sent as UTF-8 by PLAIN, LOGIN or CRAM-MD5.

    `username` is the form's initial value. `one_word` says that passwords of this service contain
    no white space, so any that was copied along is removed. `pattern` is a regular expression for its passwords:
    the rejection of one that matches as a whole has the code `password_well_formed` for diagnosis rules.
    """

    key: ClassVar[str] = "password"
    label: ClassVar[Text] = _("Password")
    fields: ClassVar[Sequence[str]] = ("username", "password")

    username: str = ""
    username_label: Text = _("User name")
    password_label: Text = _("Password")
    one_word: bool = False
    pattern: Pattern = ""

    def clean(self, name: str, value: str) -> str:
        """Remove line breaks around a password, or all blanks from a password of one word."""
        if name == "password":
            return without_blanks(value) if self.one_word else value.strip("\r\n")
        return with_ascii_at(trimmed(value))

    def authenticate(self, dialogue: SmtpDialogue, account: Account) -> None:
        """Authenticate with the first mechanism that both sides support."""
        name, password = account.username.encode(), account.password.encode()
        if "PLAIN" in dialogue.mechanisms:
            dialogue.authenticate("PLAIN", initial=b"\0%b\0%b" % (name, password))
        elif "LOGIN" in dialogue.mechanisms:
            answers = iter((name, password))
            dialogue.authenticate("LOGIN", respond=lambda _challenge: next(answers, b""))
        elif "CRAM-MD5" in dialogue.mechanisms:
            dialogue.authenticate("CRAM-MD5", respond=lambda challenge: _cram_md5(name, password, challenge))
        elif dialogue.mechanisms:
            dialogue.refuse("no_common_mechanism")
        else:
            dialogue.refuse("authentication_not_offered")


def _cram_md5(name: bytes, password: bytes, challenge: bytes) -> bytes:
    return name + b" " + hmac.new(password, challenge, "md5").hexdigest().encode()

"""Ways to sign in to a mail server: the base of all, and those that need no token."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from flask_babel import lazy_gettext as _

from webapp.providers.diagnosis import DiagnosisRule, Text


@dataclass(frozen=True)
class Account:
    """What one signs in with: the user name, the opened secrets and the provider's own fields."""

    username: str
    secrets: Mapping[str, str] = field(repr=False)
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def password(self) -> str:
        """The saved or typed password."""
        return self.secrets.get("password", "")


class SmtpDialogue(Protocol):
    """The open connection, as an authentication sees it."""

    @property
    def mechanisms(self) -> frozenset[str]:
        """The SASL mechanisms that the server offers, upper case."""

    @property
    def peer(self) -> tuple[str, int]:
        """The server's host name and port, as they were connected to."""

    def authenticate(
        self, mechanism: str, initial: bytes | None = None, respond: Callable[[bytes], bytes] | None = None
    ) -> None:
        """Run one SASL exchange (RFC 4954), base64 and all. What is sent is kept out of every log.

        `initial` is the first response where the mechanism has one; `respond` answers each further
        challenge. Raises DeliveryError with the server's words when it refuses.
        """

    def refuse(self, code: str, **params: str) -> Exception:
        """Return the error to raise when authentication is impossible before anything is sent.

        A `DiagnosisRule` for `code` explains it. Without one, the parameter `error` is shown.
        """


@dataclass(frozen=True)
class Authentication:
    """A way to sign in: which fields of the form it uses, and the handler that does it.

    A subclass has `key`, its name in the form and the database, and `label`, what people call it.
    """

    @property
    def key(self) -> str:
        """Its name in the form and the database."""
        raise TypeError(f"{type(self).__name__} has no key")

    @property
    def label(self) -> Text:
        """What people call it."""
        raise TypeError(f"{type(self).__name__} has no label")

    @property
    def fields(self) -> Sequence[str]:
        """The form's own fields that it needs."""
        return ()

    @property
    def optional_fields(self) -> Sequence[str]:
        """Those of them that may stay empty."""
        return ()

    @property
    def methods(self) -> Sequence["Authentication"]:
        """What one chooses between in the form: itself, unless one declaration stands for several."""
        return (self,)

    @property
    def diagnosis_rules(self) -> Sequence[DiagnosisRule]:
        """Known refusals, when this is how one signs in; asked before those of the provider."""
        return ()

    def clean(self, name: str, value: str) -> str:
        """What was typed into the field `name`, with the usual slips of copying forgiven."""
        return value

    def authenticate(self, dialogue: SmtpDialogue, account: Account) -> None:
        """Sign in over `dialogue`, or raise."""
        raise TypeError(f"{type(self).__name__} has no handler")


@dataclass(frozen=True)
class NoAuthentication(Authentication):
    """For relays that know their clients by address."""

    key: ClassVar[str] = "none"
    label: ClassVar[Text] = _("No authentication")

    def authenticate(self, dialogue: SmtpDialogue, account: Account) -> None:
        """Nothing to do."""


@dataclass(frozen=True)
class Password(Authentication):
    """A user name and a password, sent as UTF-8 by PLAIN, LOGIN or CRAM-MD5.

    `username` is what the form starts with. `one_word` says that no password of this service
    holds white space, so that what came along when it was copied is removed.
    """

    key: ClassVar[str] = "password"
    label: ClassVar[Text] = _("Password")
    fields: ClassVar[Sequence[str]] = ("username", "password")

    username: str = ""
    username_label: Text = _("User name")
    password_label: Text = _("Password")
    one_word: bool = False

    def clean(self, name: str, value: str) -> str:
        """Without line breaks at the ends; a password of one word without any white space."""
        if name == "password":
            return "".join(value.split()) if self.one_word else value.strip("\r\n")
        return value.strip()

    def authenticate(self, dialogue: SmtpDialogue, account: Account) -> None:
        """Sign in with the first mechanism that both sides know."""
        name, password = account.username.encode(), account.password.encode()
        if "PLAIN" in dialogue.mechanisms:
            dialogue.authenticate("PLAIN", initial=b"\0%b\0%b" % (name, password))
        elif "LOGIN" in dialogue.mechanisms:
            answers = iter((name, password))
            dialogue.authenticate("LOGIN", respond=lambda _challenge: next(answers, b""))
        elif "CRAM-MD5" in dialogue.mechanisms:
            dialogue.authenticate("CRAM-MD5", respond=lambda challenge: _cram_md5(name, password, challenge))
        elif dialogue.mechanisms:
            raise dialogue.refuse("no_common_mechanism")
        else:
            raise dialogue.refuse("authentication_not_offered")


def _cram_md5(name: bytes, password: bytes, challenge: bytes) -> bytes:
    return name + b" " + hmac.new(password, challenge, "md5").hexdigest().encode()

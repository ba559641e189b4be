"""What a plugin author imports, and all they import. See docs/writing-a-provider.md."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar, Literal, Protocol

from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString
from wtforms.fields.core import UnboundField

from webapp.hookspecs import hookimpl
from webapp.texts import saying

__all__ = [
    "Account",
    "Authentication",
    "Connection",
    "Diagnosis",
    "Dialogue",
    "Explanation",
    "Failure",
    "NoAuthentication",
    "Password",
    "Provider",
    "Security",
    "Text",
    "_",
    "hookimpl",
]  # fmt: skip

Text = str | LazyString
Security = Literal["starttls", "tls", "none"]

NO_COMMON_MECHANISM = saying("The server offers no way to sign in with a password.")
NO_SIGN_IN = saying("The server offers no sign-in on this connection.")


@dataclass(frozen=True)
class Connection:
    """Where a service takes mail. A host may name the provider's own fields: `smtp.{region}.example`."""

    host: str = ""
    port: int = 587
    security: Security = "starttls"


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


class Dialogue(Protocol):
    """The open connection, as an authentication sees it."""

    @property
    def mechanisms(self) -> frozenset[str]:
        """The SASL mechanisms that the server offers, upper case."""

    def authenticate(
        self, mechanism: str, initial: bytes | None = None, respond: Callable[[bytes], bytes] | None = None
    ) -> None:
        """Run one SASL exchange (RFC 4954), base64 and all. What is sent is kept out of every log.

        `initial` is the first response where the mechanism has one; `respond` answers each further
        challenge. Raises DeliveryError with the server's words when it refuses.
        """

    def refuse(self, reason: Text) -> Exception:
        """An error to raise when signing in is impossible before anything is sent."""


@dataclass(frozen=True)
class Authentication:
    """A way to sign in: which fields of the form it uses, and the handler that does it."""

    key: ClassVar[str]
    label: ClassVar[Text]
    uses: ClassVar[Sequence[str]] = ()

    def clean(self, name: str, value: str) -> str:
        """What was typed into the field `name`, with the usual slips of copying forgiven."""
        return value

    def authenticate(self, dialogue: Dialogue, account: Account) -> None:
        """Sign in over `dialogue`, or raise."""
        raise TypeError(f"{type(self).__name__} has no handler")


@dataclass(frozen=True)
class NoAuthentication(Authentication):
    """For relays that know their clients by address."""

    key: ClassVar[str] = "none"
    label: ClassVar[Text] = _("No sign-in")

    def authenticate(self, dialogue: Dialogue, account: Account) -> None:
        """Nothing to do."""


@dataclass(frozen=True)
class Password(Authentication):
    """A user name and a password, sent as UTF-8 by PLAIN, LOGIN or CRAM-MD5.

    `username` is what the form starts with. `one_word` says that no password of this service
    holds white space, so that what came along when it was copied is removed.
    """

    key: ClassVar[str] = "password"
    label: ClassVar[Text] = _("Password")
    uses: ClassVar[Sequence[str]] = ("username", "password")

    username: str = ""
    username_label: Text = _("User name")
    password_label: Text = _("Password")
    one_word: bool = False

    def clean(self, name: str, value: str) -> str:
        """Without line breaks at the ends; a password of one word without any white space."""
        if name == "password":
            return "".join(value.split()) if self.one_word else value.strip("\r\n")
        return value.strip()

    def authenticate(self, dialogue: Dialogue, account: Account) -> None:
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
            raise dialogue.refuse(NO_COMMON_MECHANISM)
        else:
            raise dialogue.refuse(NO_SIGN_IN)


@dataclass(frozen=True)
class Failure:
    """One failed attempt, as explanations see it.

    `stage` is one of `webapp.mail.conversation.Stage`; `reply` is the server's answer with its
    code on the first line (`535 5.7.8 …`), empty when none came; `error` is the system's text.
    """

    stage: str
    reply: str = ""
    error: str = ""
    permanent: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """What a failure means: the cause, the steps that mend it, where to read on, and the fix as form values."""

    cause: Text
    steps: Sequence[Text] = ()
    help_url: str = ""
    fix: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Explanation:
    """A known answer of the service and its diagnosis.

    It fits when the reply starts with `reply` (code and enhanced code) and contains `phrase`,
    letter case and line breaks aside: the rest of a reply changes from month to month.
    """

    reply: str
    diagnosis: Diagnosis
    phrase: str = ""

    def fits(self, failure: Failure) -> bool:
        """Whether this is the failure's explanation."""
        words = " ".join(failure.reply.split()).casefold()
        start = self.reply.casefold()
        return (words == start or words.startswith(start + " ")) and self.phrase.casefold() in words


@dataclass(frozen=True)
class Provider:
    """One mail service, as a plugin describes it.

    `needs` is the line on its card, `steps` what to do on its side, `notes` hints by field name.
    `fields` are WTForms fields of its own, rendered and checked by the application; a
    PasswordField among them is sealed and never shown again. `source` is where the facts come
    from and `checked` the day they were last compared with it.
    """

    key: str
    label: Text
    connection: Connection = field(default_factory=Connection)
    authentication: Sequence[Authentication] = (Password(), NoAuthentication())
    needs: Text = ""
    steps: Sequence[Text] = ()
    notes: Mapping[str, Text] = field(default_factory=dict)
    fields: Mapping[str, UnboundField] = field(default_factory=dict)
    explanations: Sequence[Explanation] = ()
    help_url: str = ""
    source: str = ""
    checked: date | None = None

    def authentication_named(self, key: str) -> Authentication | None:
        """Its authentication with this key, if it has one."""
        return next((one for one in self.authentication if one.key == key), None)

    def host(self, host: str, fields: Mapping[str, str]) -> str:
        """The host to connect to: `{name}` in it is replaced by the field of that name."""
        for name in self.fields:
            host = host.replace(f"{{{name}}}", str(fields.get(name, "")))
        return host

    def explain(self, failure: Failure) -> Diagnosis | None:
        """The diagnosis of the first explanation that fits."""
        return next((one.diagnosis for one in self.explanations if one.fits(failure)), None)


def _cram_md5(name: bytes, password: bytes, challenge: bytes) -> bytes:
    return name + b" " + hmac.new(password, challenge, "md5").hexdigest().encode()

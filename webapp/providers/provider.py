"""One mail service, as its plugin describes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Literal

from wtforms import PasswordField
from wtforms.fields.core import UnboundField

from webapp.providers.authentication import Authentication, NoAuthentication, Password
from webapp.providers.diagnosis import Diagnosis, DiagnosisRule, Failure, Text
from webapp.providers.rules import DomainName, HeaderName, HeaderValue, Host, Limit, Port, ProviderKey, Source, Url

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True)
class Connection:
    """Where a service accepts email. The host may contain the provider's own fields: `smtp.{region}.example`."""

    host: Host = ""
    port: Port = 587
    security: Security = "starttls"


@dataclass(frozen=True)
class Limits:
    """How much a service takes from one account at most; None where there is no limit, or none is known.

    Messages in any minute and in any 24 hours, and connections at once. Mailroom sends each message to one recipient.
    """

    per_minute: Limit | None = None
    per_day: Limit | None = None
    connections: Limit | None = None


@dataclass(frozen=True)
class Dns:
    """What domains that send through a service have in the DNS, and by what their service is recognized.

    `spf_include` is what their SPF record includes; with `own_return_path`, the service asks for bounces at a domain of
    its own, so that only DKIM speaks for theirs. `dkim_selectors` are the names of their keys, `dkim_targets` the ends
    of the names that these lead to (CNAME). `mx` are the ends of the names of the hosts that receive their email.
    `domains` are those that the service gives addresses of to anybody, such as gmail.com.
    """

    spf_include: DomainName = ""
    own_return_path: bool = False
    dkim_selectors: Sequence[DomainName] = ()
    dkim_targets: Sequence[DomainName] = ()
    mx: Sequence[DomainName] = ()
    domains: Sequence[DomainName] = ()


@dataclass(frozen=True)
class Provider:
    """One mail service, as a plugin describes it.

    `needs` is the text on its card, `steps` are what to do on its side, `notes` are hints by field
    name. `fields` are its own WTForms fields, rendered and validated by the application; a
    PasswordField is sealed and never shown again. `headers` are added to each message. No more than `limits` is
    sent. `sends_as` are the addresses that an account may send from: those of the `account` itself and its aliases,
    those that were `verified` with the service, or `any`. `dns` is None if nothing is known. `source` is the
    documentation that all this is from, and `checked` the day it was last compared.
    """

    key: ProviderKey
    label: Text
    connection: Connection = field(default_factory=Connection)
    authentication: Sequence[Authentication] = (Password(), NoAuthentication())
    needs: Text = ""
    steps: Sequence[Text] = ()
    notes: Mapping[str, Text] = field(default_factory=dict)
    fields: Mapping[str, UnboundField] = field(default_factory=dict)
    diagnosis_rules: Sequence[DiagnosisRule] = ()
    headers: Mapping[HeaderName, HeaderValue] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    sends_as: Literal["any", "account", "verified"] = "any"
    dns: Dns | None = None
    help_url: Url = ""
    source: Source = ""
    checked: date | None = None

    @cached_property
    def secret_fields(self) -> frozenset[str]:
        """The names of its own fields that contain secrets."""
        return frozenset(name for name, one in self.fields.items() if issubclass(one.field_class, PasswordField))

    @cached_property
    def authentication_methods(self) -> Sequence[Authentication]:
        """All authentication methods to choose from, the usual one first."""
        return tuple(method for one in self.authentication for method in one.methods)

    def authentication_named(self, key: str) -> Authentication | None:
        """Return the authentication method with this key, if the provider has it."""
        return next((one for one in self.authentication_methods if one.key == key), None)

    def host(self, host: str, fields: Mapping[str, str]) -> str:
        """Return the host to connect to, with each `{name}` replaced by the field of that name."""
        for name in self.fields:
            host = host.replace(f"{{{name}}}", str(fields.get(name, "")))
        return host

    def diagnose(self, failure: Failure, authentication: str = "") -> Diagnosis | None:
        """Return the diagnosis of the first rule that matches, those of the authentication first."""
        method = self.authentication_named(authentication)
        rules = (*(method.diagnosis_rules if method else ()), *self.diagnosis_rules)
        return next((rule.diagnosis for rule in rules if rule.matches(failure)), None)

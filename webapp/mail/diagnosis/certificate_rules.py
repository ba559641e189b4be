"""What to do about a certificate that is not accepted, of a mail server or of an OAuth2 provider."""

from collections.abc import Mapping, Sequence

from webapp.core import network_errors
from webapp.core.i18n import lazy_gettext as _
from webapp.providers import Diagnosis
from webapp.providers.diagnosis import Text

TRUST_IT = _(
    "Add the company's root certificate to this machine's trusted certificates (SSL_CERT_FILE) and restart Mailroom."
)
ADD_IT = _("Or add the certificate to this machine's trusted certificates (SSL_CERT_FILE) and restart Mailroom.")
# Of mail servers, what is trusted is a setting of theirs.
TRUST_HERE = _(
    "If the server is your own or your company's, trust its certificate for this server only: a check on the page of "
    "the mail server shows it, with buttons for that."
)
# Codes of faults that trust doesn't fix.
NEEDS_RENEWAL = frozenset({"certificate_expired", "certificate_not_yet_valid"})
# Issue a certificate again with what is missing. They need OpenSSL 3.
RENEW_AUTHORITY = (
    r"printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n' | "
    "openssl x509 -in ca.crt -signkey ca.key -clrext -extfile /dev/stdin -days 3650 -out ca-new.crt"
)
RENEW_CERTIFICATE = (
    "openssl x509 -in server.crt -x509toreq -signkey server.key -copy_extensions copy | "
    "openssl x509 -req -copy_extensions copy -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -out server-new.crt"
)
STEPS: Mapping[str, Sequence[Text]] = {
    "certificate_self_signed": [
        _("Install a certificate from a public certificate authority on the server (Let's Encrypt is free)."),
        ADD_IT,
    ],
    "certificate_private_authority": [
        TRUST_IT,
        _(
            "If the host is a public mail service, something between this machine and the server "
            "is intercepting the encrypted connection."
        ),
    ],
    "certificate_unknown_issuer": [
        _("On the server, install the full certificate chain, including intermediate certificates."),
        _("On this machine, update the list of trusted certificate authorities (package ca-certificates)."),
        TRUST_IT,
    ],
    "certificate_expired": [_("Check this machine's date."), _("Renew the certificate on the server.")],
    "certificate_not_yet_valid": [_("Correct this machine's date and time.")],
    "certificate_other_name": [
        _("Enter the host name given by the provider, not an alias or a domain of your own."),
        _("If it's your own server, enter a host name that is in its certificate, or have one issued for this name."),
    ],
    "certificate_not_for_ip_address": [_("Enter the server's host name.")],
    "certificate_without_issuer_key": [
        _("Where your certificate authority is kept, issue the server's certificate again: %(command)s",
          command=RENEW_CERTIFICATE),
        _("Install the new certificate on the server. Its key stays the same."),
        _("If the server isn't yours, send its administrator the error below."),
    ],
    "certificate_authority_incomplete": [
        _("Where your certificate authority is kept, issue its own certificate again: %(command)s",
          command=RENEW_AUTHORITY),
        _("Replace it in this machine's trusted certificates (SSL_CERT_FILE) and restart Mailroom. Certificates that "
          "it has issued stay valid."),
        _("If the authority isn't yours, send its administrator the error below."),
    ],
    "certificate_breaks_rule": [
        _("Have the certificate issued again without this fault."),
    ],
    "certificate_changed": [
        _("Ask the server's administrator whether its certificate was renewed, and compare the fingerprints."),
        _("If it was, trust the new one. If it wasn't, something between this machine and the server is intercepting "
          "the encrypted connection: don't."),
    ],
    "certificate_invalid": [
        _("Have the server's certificate issued again without this fault, and install it on the server."),
        _("If the host is a public mail service, something between this machine and the server "
          "may be intercepting the encrypted connection."),
    ],
}  # fmt: skip


def diagnose_certificate(code: str, params: Mapping[str, str], of_mail_server: bool = False) -> Diagnosis | None:
    """Return what is wrong with a certificate and what to do; None if the failure is another one."""
    cause = network_errors.describe_certificate(code, params)
    if not cause:
        return None
    steps = STEPS[code]
    if of_mail_server and code not in NEEDS_RENEWAL | {"certificate_changed"}:
        steps = [TRUST_HERE if step in (TRUST_IT, ADD_IT) else step for step in steps]
        steps = steps if TRUST_HERE in steps else [*steps, TRUST_HERE]
    return Diagnosis(cause, steps)

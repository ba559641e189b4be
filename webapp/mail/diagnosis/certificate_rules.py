"""What an untrusted certificate means, of a mail server or of an OAuth2 provider."""

from collections.abc import Mapping

from flask_babel import lazy_gettext as _

from webapp.providers import Diagnosis

TRUST_IT = _(
    "Add the company's root certificate to this machine's trusted certificates (SSL_CERT_FILE) and restart Mailroom."
)
SELF_SIGNED = Diagnosis(
    _("The server uses a self-signed certificate, which this machine does not trust."),
    [
        _("Install a certificate from a public certificate authority on the server (Let's Encrypt is free)."),
        _("Or add the certificate to this machine's trusted certificates (SSL_CERT_FILE) and restart Mailroom."),
    ],
)
PRIVATE_AUTHORITY = Diagnosis(
    _(
        "The server's certificate was issued by a certificate authority that this machine "
        "doesn't trust, such as a company's own."
    ),
    [
        TRUST_IT,
        _(
            "If the host is a public mail service, something between this machine and the server "
            "is intercepting the encrypted connection."
        ),
    ],
)
NO_ISSUER = Diagnosis(
    _("This machine doesn't know the issuer of the server's certificate."),
    [
        _("On the server, install the full certificate chain, including intermediate certificates."),
        _("On this machine, update the list of trusted certificate authorities (package ca-certificates)."),
        TRUST_IT,
    ],
)
EXPIRED = Diagnosis(
    _("The server's certificate has expired, or this machine's clock is wrong."),
    [_("Check this machine's date."), _("Renew the certificate on the server.")],
)
NOT_YET_VALID = Diagnosis(
    _("The server's certificate isn't valid yet. This machine's clock is probably behind."),
    [_("Correct this machine's date and time.")],
)
OTHER_NAME = Diagnosis(
    _("The server's certificate is for a different host name than the one you entered."),
    [_("Enter the host name given by the provider, not an alias or a domain of your own.")],
)
NOT_FOR_IP_ADDRESS = Diagnosis(
    _("You entered an IP address, but the certificate is for a host name."),
    [_("Enter the server's host name.")],
)

CERTIFICATES: Mapping[str, Diagnosis] = {
    "certificate_private_authority": PRIVATE_AUTHORITY,
    "certificate_self_signed": SELF_SIGNED,
    "certificate_unknown_issuer": NO_ISSUER,
    "certificate_expired": EXPIRED,
    "certificate_not_yet_valid": NOT_YET_VALID,
    "certificate_other_name": OTHER_NAME,
    "certificate_not_for_ip_address": NOT_FOR_IP_ADDRESS,
}

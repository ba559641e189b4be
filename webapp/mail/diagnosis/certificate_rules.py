"""What a certificate that is not believed means: the mail server's, and that of whoever gives out tokens."""

from collections.abc import Mapping

from flask_babel import lazy_gettext as _

from webapp.providers import Diagnosis

TRUST_IT = _(
    "Add the company's root certificate to those that this machine trusts (SSL_CERT_FILE) and restart Mailroom."
)
SELF_SIGNED = Diagnosis(
    _("The server's certificate was made by the server itself, so nobody vouches for it."),
    [
        _("Have the server use a certificate from a public authority (Let's Encrypt is free)."),
        _("Or add the certificate to those that this machine trusts (SSL_CERT_FILE) and restart Mailroom."),
    ],
)
PRIVATE_AUTHORITY = Diagnosis(
    _("The server's certificate comes from an authority that this machine does not trust, such as a company's own."),
    [
        TRUST_IT,
        _("If the host is a public mail service, something on the way is intercepting the encryption."),
    ],
)
NO_ISSUER = Diagnosis(
    _("Who signed the server's certificate is not known on this machine."),
    [
        _("On the server: install the full chain, intermediate certificates included."),
        _("On this machine: update the list of trusted authorities (package ca-certificates)."),
        TRUST_IT,
    ],
)
EXPIRED = Diagnosis(
    _("The server's certificate has expired, or the clock of this machine is wrong."),
    [_("Check the date of this machine."), _("Have the certificate renewed on the server.")],
)
NOT_YET_VALID = Diagnosis(
    _("The server's certificate is not valid yet: the clock of this machine is probably behind."),
    [_("Correct the date and time of this machine.")],
)
OTHER_NAME = Diagnosis(
    _("The server's certificate is for another host name than the one in the form."),
    [_("Enter the host name that the provider gives, not an alias or a domain of your own.")],
)
ADDRESS_AS_NAME = Diagnosis(
    _("The form holds an IP address, but the server's certificate is for a host name."),
    [_("Enter the server's host name.")],
)

# By OpenSSL's words; the first that fits.
CERTIFICATES: Mapping[str, Diagnosis] = {
    "self-signed certificate in certificate chain": PRIVATE_AUTHORITY,
    "self-signed certificate": SELF_SIGNED,
    "unable to get local issuer": NO_ISSUER,
    "certificate has expired": EXPIRED,
    "not yet valid": NOT_YET_VALID,
    "hostname mismatch": OTHER_NAME,
    "ip address mismatch": ADDRESS_AS_NAME,
}

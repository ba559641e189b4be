"""How often one may try to sign in or ask for mail."""

import ipaddress
from datetime import timedelta

from sqlalchemy.orm import Session

from webapp import limits
from webapp.accounts.addresses import address_key
from webapp.accounts.models import User
from webapp.errors import TooManyRequests
from webapp.limits import Limit

SIGN_IN_BY_ADDRESS = Limit("sign in, address typed", 10, timedelta(minutes=15))
SIGN_IN_BY_CLIENT = Limit("sign in, client", 100, timedelta(minutes=15))
FORGOT_BY_ADDRESS = Limit("forgot password, address typed", 1, timedelta(minutes=5))
FORGOT_BY_CLIENT = Limit("forgot password, client", 30, timedelta(minutes=10))
# Whoever asks from thousands of clients cannot fill the outbox either.
FORGOT_BY_ANYBODY = Limit("forgot password, anybody", 1000, timedelta(minutes=10))
ACTIVATION_BY_USER = Limit("new activation mail, person", 1, timedelta(minutes=5))

ADVICE_BY_CLIENT = Limit("password advice, client", 300, timedelta(minutes=10))
# Each costs up to a tenth of a second of work.
ADVICE_BY_ANYBODY = Limit("password advice, anybody", 3000, timedelta(minutes=10))

PASSWORD_BY_USER = Limit("current password, person", 10, timedelta(minutes=15))
CONFIRMATION_BY_ADDRESS = Limit("confirmation mail, address typed", 1, timedelta(minutes=5))
CONFIRMATION_BY_USER = Limit("confirmation mail, person", 5, timedelta(hours=1))

CODE_BY_CLIENT = Limit("code, client", 30, timedelta(minutes=15))
CODE_BY_ANYBODY = Limit("code, anybody", 1000, timedelta(minutes=10))
# The fifth wrong one is one too many: then the codes that are out are dead.
CODE_BY_PERSON = Limit("code, person", 4, timedelta(days=1))
RESET_SHOWN_BY_USER = Limit("reset link shown, administrator", 20, timedelta(hours=1))


def sign_in(session: Session, email: str, client_address: str) -> None:
    """Count one try, before the password is looked at. Raises TooManyRequests."""
    limits.take(session, SIGN_IN_BY_ADDRESS, address_key(email))
    limits.take(session, SIGN_IN_BY_CLIENT, network(client_address))


def signed_in(session: Session, email: str, client_address: str) -> None:
    """The try succeeded: only failing ones count."""
    forget_sign_ins(session, email)
    limits.give_back(session, SIGN_IN_BY_CLIENT, network(client_address))


def forget_sign_ins(session: Session, email: str) -> None:
    """Let this address be tried anew."""
    limits.forget(session, SIGN_IN_BY_ADDRESS, address_key(email))


def forgot_password(session: Session, client_address: str) -> None:
    """Count one request for a reset mail. Raises TooManyRequests."""
    limits.take(session, FORGOT_BY_CLIENT, network(client_address))
    limits.take(session, FORGOT_BY_ANYBODY, "")


def reset_mail_allowed(session: Session, email: str) -> bool:
    """Whether this address may be sent a reset mail now; if so, it is counted."""
    return _allowed(session, FORGOT_BY_ADDRESS, address_key(email))


def activation_mail_allowed(session: Session, user: User) -> bool:
    """Whether this person may be sent another activation mail now; if so, it is counted."""
    return _allowed(session, ACTIVATION_BY_USER, str(user.id))


def current_password(session: Session, user: User) -> None:
    """Count one try of the person's own password, before it is looked at. Raises TooManyRequests."""
    limits.take(session, PASSWORD_BY_USER, str(user.id))


def current_password_fitted(session: Session, user: User) -> None:
    """The try succeeded: only failing ones count."""
    limits.forget(session, PASSWORD_BY_USER, str(user.id))


def confirmation_mail(session: Session, user: User, email: str) -> None:
    """Count one mail to the address that a person wants to have. Raises TooManyRequests."""
    limits.take(session, CONFIRMATION_BY_USER, str(user.id))
    limits.take(session, CONFIRMATION_BY_ADDRESS, address_key(email))


def password_advice(session: Session, client_address: str) -> None:
    """Count one password that advice is asked for. Raises TooManyRequests."""
    limits.take(session, ADVICE_BY_CLIENT, network(client_address))
    limits.take(session, ADVICE_BY_ANYBODY, "")


def network(client_address: str) -> str:
    """Whom a client address stands for: with IPv6 one customer has at least a /64 of them."""
    try:
        address = ipaddress.IPv6Address(client_address)
    except ValueError:
        return client_address
    return str(address.ipv4_mapped or ipaddress.IPv6Network((address, 64), strict=False))


def _allowed(session: Session, limit: Limit, who: str) -> bool:
    try:
        limits.take(session, limit, who)
    except TooManyRequests:
        return False
    return True


def code(session: Session, client_address: str) -> None:
    """Count one code that was typed, right or wrong. Raises TooManyRequests."""
    limits.take(session, CODE_BY_CLIENT, network(client_address))
    limits.take(session, CODE_BY_ANYBODY, "")


def code_of_person(session: Session, who: str) -> bool:
    """Count one code for somebody: whether they may be tried again if it is wrong."""
    return _allowed(session, CODE_BY_PERSON, who)


def forget_codes_of_person(session: Session, who: str) -> None:
    """A right code was typed, or there is none any more that could be."""
    limits.forget(session, CODE_BY_PERSON, who)


def reset_shown(session: Session, administrator: User) -> None:
    """Count one reset link that is shown to this administrator. Raises TooManyRequests."""
    limits.take(session, RESET_SHOWN_BY_USER, str(administrator.id))

"""How often one may ask for mail, open links and guess one's own password. For sign-in: see `locks`."""

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from webapp.accounts.models import Session as SignIn
from webapp.accounts.models import User
from webapp.audit import events
from webapp.audit import service as audit
from webapp.core import clock, rate_limits
from webapp.core.email_addresses import comparison_key
from webapp.core.rate_limits import Limit, Share, network
from webapp.settings.security import security

IN_A_WHILE = timedelta(minutes=5)
FORGOT_BY_ADDRESS = Limit("forgot password, address typed", 1, IN_A_WHILE)
FORGOT = Share(
    Limit("forgot password, network", 30, timedelta(minutes=10)),
    Limit("forgot password, network in a crowd", 3, timedelta(minutes=10)),
    Limit("forgot password, anybody", 1000, timedelta(minutes=10)),
)
ACTIVATION_BY_USER = Limit("new activation mail, person", 1, IN_A_WHILE)
CONFIRMATION_BY_USER = Limit("confirmation mail, person", 5, timedelta(hours=1))
CONFIRMATION_BY_USER_AND_ADDRESS = Limit("confirmation mail, person and address", 1, IN_A_WHILE)
# Whoever asks for it, an address gets one in five minutes; so many wait for their turn.
CONFIRMATION_BY_ADDRESS = Limit("confirmation mail, address", 12, timedelta(hours=1))

CODES = Share(
    Limit("code, client", 30, timedelta(minutes=15)),
    Limit("code, client in a crowd", 5, timedelta(minutes=15)),
    Limit("code, anybody", 1000, timedelta(minutes=10)),
)
# The fifth wrong one is one too many: then the codes that are out are dead.
CODE_BY_PERSON = Limit("code, person", 4, timedelta(days=1))
ADVICE = Share(
    Limit("password advice, client", 120, timedelta(minutes=5)),
    Limit("password advice, client in a crowd", 20, timedelta(minutes=5)),
    Limit("password advice, anybody", 600, timedelta(minutes=1)),
)
NEW_PASSWORD_BY_USER = Limit("new password held against former ones, person", 20, timedelta(hours=1))
RESET_SHOWN_BY_USER = Limit("reset link shown, administrator", 20, timedelta(hours=1))

UNKNOWN_LINKS = Share(
    Limit("unknown link, network", 60, timedelta(minutes=10)),
    Limit("unknown link, network in a crowd", 5, timedelta(minutes=10)),
    Limit("unknown link, anybody", 3000, timedelta(minutes=10)),
)

NOTED = Limit("asked too often, noted", 1, timedelta(hours=1))
NOTED_BY_ANYBODY = Limit("asked too often, noted for anybody", 100, timedelta(hours=1))


def forgot_password(session: Session, client_address: str) -> None:
    """Count one request for a reset mail. Raises TooManyRequests."""
    rate_limits.take_share(session, FORGOT, network(client_address))


def allow_reset_email(session: Session, email: str) -> bool:
    """Whether this address may be sent a reset mail now; if so, it is counted."""
    return rate_limits.try_consume(session, FORGOT_BY_ADDRESS, comparison_key(email))


def activation_mail(session: Session, user: User) -> None:
    """Count one activation mail to this person. Raises TooManyRequests."""
    rate_limits.consume(session, ACTIVATION_BY_USER, str(user.id))


def confirmation_mail(session: Session, user: User, email: str) -> datetime | None:
    """Count one mail to the address that a person wants to have: when it is to leave. Raises TooManyRequests.

    That others asked for the same address delays the mail and says nothing; None means that too many did.
    """
    rate_limits.consume(session, CONFIRMATION_BY_USER, str(user.id))
    rate_limits.consume(session, CONFIRMATION_BY_USER_AND_ADDRESS, str(user.id), comparison_key(email))
    turn = rate_limits.turn(session, CONFIRMATION_BY_ADDRESS, comparison_key(email))
    return None if turn is None else clock.now() + turn


def unknown_link(session: Session, client_address: str) -> None:
    """Count one link that nobody was sent. Raises TooManyRequests. Links that are known are never counted."""
    rate_limits.take_share(session, UNKNOWN_LINKS, network(client_address))


def own_password(session: Session, sign_in: SignIn) -> int | None:
    """Count a guess in this sign-in, before it is looked at: how many are left after it.

    None, uncounted, if none was left, or the sign-in is over. No limit of time: a sign-in can last
    for a year, and waiting must give a thief no further guesses.
    """
    most = security(session).lock_after
    spare = update(SignIn).where(SignIn.id == sign_in.id, SignIn.wrong_passwords < most)
    counted = spare.values(wrong_passwords=SignIn.wrong_passwords + 1).returning(SignIn.wrong_passwords)
    number = session.scalar(counted)
    return None if number is None else most - number


def own_password_fitted(session: Session, sign_in: SignIn) -> bool:
    """The password was right, and only wrong ones count: whether the sign-in still lasts."""
    statement = update(SignIn).where(SignIn.id == sign_in.id).values(wrong_passwords=0)
    return session.scalar(statement.returning(SignIn.id)) is not None


def note(session: Session, client_address: str, page: str) -> None:
    """Have the trail tell that this network asked too often for a page, once an hour."""
    if rate_limits.try_consume(session, NOTED, network(client_address), page) and rate_limits.try_consume(
        session, NOTED_BY_ANYBODY, ""
    ):
        audit.record(session, events.REQUESTS_THROTTLED, page=page)


def is_noted(session: Session, client_address: str, page: str) -> bool:
    """Whether the trail tells of it already."""
    return rate_limits.is_exhausted(session, NOTED, network(client_address), page)


def code(session: Session, client_address: str) -> None:
    """Count one code that was typed, right or wrong. Raises TooManyRequests."""
    rate_limits.take_share(session, CODES, network(client_address))


def code_of_person(session: Session, who: str) -> bool:
    """Count one code for somebody: whether they may be tried again if it is wrong."""
    return rate_limits.try_consume(session, CODE_BY_PERSON, who)


def forget_codes_of_person(session: Session, who: str) -> None:
    """A right code was typed, or there is none any more that could be."""
    rate_limits.reset(session, CODE_BY_PERSON, who)


def reset_shown(session: Session, administrator: User) -> None:
    """Count one reset link that is shown to this administrator. Raises TooManyRequests."""
    rate_limits.consume(session, RESET_SHOWN_BY_USER, str(administrator.id))


def advice(session: Session, client_address: str) -> None:
    """Count one password that somebody wants advice on. Raises TooManyRequests."""
    rate_limits.take_share(session, ADVICE, network(client_address))


def new_password(session: Session, user: User) -> None:
    """Count one password that is held against the former ones of this person. Raises TooManyRequests."""
    rate_limits.consume(session, NEW_PASSWORD_BY_USER, str(user.id))

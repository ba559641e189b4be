"""Limits on emails requested, links and codes tried, passwords chosen, sign-ins, and changes of one's own account.

Failed logins: `sessions.lockout`.
"""

from datetime import timedelta

from sqlalchemy.orm import Session

from webapp.accounts.models import User
from webapp.core import rate_limits
from webapp.core.email_addresses import comparison_key
from webapp.core.rate_limits import Limit, network

FIVE_MINUTES = timedelta(minutes=5)
RESET_REQUESTS_BY_NETWORK = Limit("reset requests, network", 30, timedelta(minutes=10))
RESET_EMAILS_BY_ADDRESS = Limit("reset emails, address", 1, FIVE_MINUTES)
ACTIVATION_EMAILS_BY_ADDRESS = Limit("activation emails, address", 1, FIVE_MINUTES)
CONFIRMATIONS_BY_USER = Limit("confirmation emails, user", 5, timedelta(hours=1))
CONFIRMATIONS_BY_USER_AND_ADDRESS = Limit("confirmation emails, user and address", 1, FIVE_MINUTES)
CONFIRMATIONS_BY_ADDRESS = Limit("confirmation emails, address", 1, FIVE_MINUTES)

CODES_BY_NETWORK = Limit("codes, network", 30, timedelta(minutes=15))
# Right or wrong codes entered for one user; a fifth wrong one invalidates all codes that are out.
CODES_BY_USER = Limit("codes, user", 4, timedelta(days=1))
UNKNOWN_LINKS_BY_NETWORK = Limit("unknown links, network", 60, timedelta(minutes=10))
PASSWORD_ADVICE_BY_NETWORK = Limit("password advice, network", 120, FIVE_MINUTES)
NEW_PASSWORDS_BY_USER = Limit("new passwords compared with earlier ones, user", 20, timedelta(hours=1))
# Each leaves an entry in the audit trail, which nobody may fill.
CHANGES_BY_USER = Limit("changes of one's own account, user", 60, timedelta(hours=1))
SIGN_INS_BY_USER = Limit("sign-ins, user", 120, timedelta(hours=1))
ADMIN_LINKS_BY_ADMINISTRATOR = Limit("reset links shown, administrator", 20, timedelta(hours=1))


def count_for_network(session: Session, limit: Limit, client_address: str) -> None:
    """Count one request from the network of this client. Raises TooManyRequests."""
    rate_limits.consume(session, limit, network(client_address))


def count_change(session: Session, user: User) -> None:
    """Count one change of a user's own account. Raises TooManyRequests."""
    rate_limits.consume(session, CHANGES_BY_USER, str(user.id))


def allow_confirmation(session: Session, user: User, email: str) -> bool:
    """Count one email to the address that a user wants to have; return whether it is sent. Raises TooManyRequests.

    It is not, without a word, if another user has just had one sent there: saying so would reveal them.
    """
    rate_limits.consume(session, CONFIRMATIONS_BY_USER, str(user.id))
    rate_limits.consume(session, CONFIRMATIONS_BY_USER_AND_ADDRESS, str(user.id), comparison_key(email))
    return rate_limits.try_consume(session, CONFIRMATIONS_BY_ADDRESS, comparison_key(email))

"""Authorizations in progress: each belongs to the session that started it and ends within minutes."""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, select, update
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.core.sealing import CannotUnseal, Sealer, sha256_hex
from webapp.mail.models import AuthorizationRequest, MailServer
from webapp.mail.oauth.errors import AuthorizationFailed

LIFETIME = timedelta(minutes=10)
REQUEST_PURPOSE = "authorization_request.secret"
# RFC 8628, 3.5: the seconds that "slow_down" adds to the interval.
SLOWER = 5


def create(
    session: Session, sealer: Sealer, server: MailServer, session_id: int, state: str, secret: str, **columns: Any
) -> AuthorizationRequest:
    """Save a new request of this session, with the hash of its state and its sealed secret."""
    request = AuthorizationRequest(
        mail_server_id=server.id,
        session_id=session_id,
        state_hash=sha256_hex(state),
        sealed_secret=sealer.seal(secret, REQUEST_PURPOSE),
        **columns,
    )
    session.add(request)
    return request


def claim_by_state(session_id: int, state: str) -> tuple[AuthorizationRequest, MailServer]:
    """Delete the request with this state, and return it with its mail server. Raises AuthorizationFailed."""
    mine = (
        AuthorizationRequest.state_hash == sha256_hex(state),
        AuthorizationRequest.session_id == session_id,
        AuthorizationRequest.user_code == "",
    )
    with app_state().database.transaction() as session:
        request = session.scalar(delete(AuthorizationRequest).where(*mine).returning(AuthorizationRequest))
        server = session.get(MailServer, request.mail_server_id) if request is not None else None
    if request is None or server is None or request.expires_at <= clock.now():
        raise AuthorizationFailed("unknown_state")
    return request, server


def waiting(server_id: int, session_id: int) -> Select[AuthorizationRequest]:
    """Select the device code that this session requested and that has not been entered yet."""
    return select(AuthorizationRequest).where(
        *_started_by(session_id, server_id),
        AuthorizationRequest.user_code != "",
        AuthorizationRequest.expires_at > clock.now(),
    )


def exists(session: Session, server_id: int, session_id: int) -> bool:
    """Return whether this session has any request, even an expired one."""
    started = select(AuthorizationRequest.id).where(*_started_by(session_id, server_id)).limit(1)
    return session.scalar(started) is not None


def open_secret(sealer: Sealer, request: AuthorizationRequest) -> str:
    """Return the PKCE verifier or the device code. Raises AuthorizationFailed if it cannot be unsealed."""
    try:
        return sealer.open(request.sealed_secret, REQUEST_PURPOSE)
    except CannotUnseal:
        raise AuthorizationFailed("unknown_state") from None


def increase_interval(session: Session, request: AuthorizationRequest) -> None:
    """Poll less often, as the provider asked."""
    seconds = request.interval + SLOWER
    values = {"interval": seconds, "next_poll_at": clock.now() + timedelta(seconds=seconds)}
    session.execute(update(AuthorizationRequest).where(AuthorizationRequest.id == request.id).values(values))


def delete_one(session: Session, request: AuthorizationRequest) -> None:
    """Delete the request."""
    session.execute(delete(AuthorizationRequest).where(AuthorizationRequest.id == request.id))


def delete_all(session: Session, server_id: int, session_id: int) -> None:
    """Delete all requests of this session for this mail server."""
    session.execute(delete(AuthorizationRequest).where(*_started_by(session_id, server_id)))


def _started_by(session_id: int, server_id: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return AuthorizationRequest.session_id == session_id, AuthorizationRequest.mail_server_id == server_id

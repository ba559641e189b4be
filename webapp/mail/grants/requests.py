"""Sign-ins at a provider that are going on: each belongs to the browser that began it, and ends within minutes."""

from datetime import timedelta

from sqlalchemy import ColumnElement, Select, delete, select, update
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.sealing import CannotUnseal, Sealer, sha256_hex
from webapp.mail.models import AuthorizationRequest, MailServer
from webapp.mail.oauth import words
from webapp.mail.oauth.client import DeviceCode
from webapp.mail.oauth.errors import UnknownState

LIFETIME = timedelta(minutes=10)
PURPOSE = "grant_request.secret"
# RFC 8628, 3.5: what "slow down" adds to the interval, in seconds.
SLOWER = 5


def add(session: Session, sealer: Sealer, request: AuthorizationRequest, state: str, secret: str) -> None:
    """Keep a sign-in that begins, with the hash of its state and its secret sealed."""
    session.execute(delete(AuthorizationRequest).where(AuthorizationRequest.expires_at <= clock.now()))
    request.state_hash = sha256_hex(state)
    request.sealed_secret = sealer.seal(secret, PURPOSE)
    session.add(request)


def in_the_browser(server: MailServer, sign_in_id: int, redirect_uri: str) -> AuthorizationRequest:
    """A sign-in that the provider sends the browser back from."""
    ends = clock.now() + LIFETIME
    return AuthorizationRequest(
        mail_server_id=server.id, sign_in_id=sign_in_id, redirect_uri=redirect_uri, expires_at=ends
    )


def on_a_device(server: MailServer, sign_in_id: int, code: DeviceCode) -> AuthorizationRequest:
    """A sign-in that waits for a code to be typed."""
    return AuthorizationRequest(
        mail_server_id=server.id,
        sign_in_id=sign_in_id,
        user_code=code.user_code,
        verification_uri=code.verification_uri,
        interval=code.interval,
        expires_at=clock.now() + code.lifetime,
    )


def claim_by_state(parts: AppState, sign_in_id: int, state: str) -> tuple[AuthorizationRequest, MailServer]:
    """The sign-in with this state, which is spent from here on, and its mail server. Raises UnknownState."""
    mine = (
        AuthorizationRequest.state_hash == sha256_hex(state),
        AuthorizationRequest.sign_in_id == sign_in_id,
        AuthorizationRequest.user_code == "",
    )
    with parts.database.transaction() as session:
        request = session.scalar(delete(AuthorizationRequest).where(*mine).returning(AuthorizationRequest))
        server = session.get(MailServer, request.mail_server_id) if request is not None else None
    if request is None or server is None or request.expires_at <= clock.now():
        raise UnknownState(error=words.UNKNOWN_STATE)
    return request, server


def waiting(server_id: int, sign_in_id: int) -> Select[AuthorizationRequest]:
    """The code that this browser asked for and nobody has typed yet."""
    return select(AuthorizationRequest).where(
        *_begun_by(sign_in_id, server_id),
        AuthorizationRequest.user_code != "",
        AuthorizationRequest.expires_at > clock.now(),
    )


def is_any(session: Session, server_id: int, sign_in_id: int) -> bool:
    """Whether this browser has begun anything that is still kept, even if its time is over."""
    return session.scalar(select(AuthorizationRequest.id).where(*_begun_by(sign_in_id, server_id)).limit(1)) is not None


def secret(sealer: Sealer, request: AuthorizationRequest) -> str:
    """The PKCE verifier, or the device code. Raises UnknownState when it cannot be opened."""
    try:
        return sealer.open(request.sealed_secret, PURPOSE)
    except CannotUnseal:
        raise UnknownState(error=words.UNKNOWN_STATE) from None


def increase_interval(session: Session, request: AuthorizationRequest) -> None:
    """Have the provider asked less often whether the code was typed."""
    seconds = request.interval + SLOWER
    values = {"interval": seconds, "next_poll_at": clock.now() + timedelta(seconds=seconds)}
    session.execute(update(AuthorizationRequest).where(AuthorizationRequest.id == request.id).values(values))


def end(session: Session, request: AuthorizationRequest) -> None:
    """Forget it."""
    session.execute(delete(AuthorizationRequest).where(AuthorizationRequest.id == request.id))


def end_all(session: Session, server_id: int, sign_in_id: int) -> None:
    """Forget all that this browser began for this mail server."""
    session.execute(delete(AuthorizationRequest).where(*_begun_by(sign_in_id, server_id)))


def _begun_by(sign_in_id: int, server_id: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """What picks the sign-ins that this browser began for this mail server."""
    return AuthorizationRequest.sign_in_id == sign_in_id, AuthorizationRequest.mail_server_id == server_id

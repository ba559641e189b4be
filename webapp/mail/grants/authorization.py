"""Signing in at a provider: begun by an administrator, finished in the same browser, within minutes.

`begin` and `finish` are the authorization code with PKCE, `begin_device` and `check_device` the
device code, `generate` all grants that need nobody to sign in. Whatever goes wrong is an OAuthFault,
leaves the saved settings and the former grant as they were, and stands in the audit trail.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from sqlalchemy.orm import Session

from webapp.audit import service as audit
from webapp.core import clock, http_client, rate_limits
from webapp.core.app_state import AppState
from webapp.core.rate_limits import Limit
from webapp.mail import events, servers, transport_settings
from webapp.mail.grants import requests
from webapp.mail.grants import service as grants
from webapp.mail.models import AuthorizationRequest, GrantStatus, MailServer
from webapp.mail.oauth import account, client, words
from webapp.mail.oauth.errors import (
    MissingScopes,
    NoRefreshToken,
    NotConfigured,
    OAuthError,
    OtherAddress,
    Pending,
    SignInFault,
    UnknownState,
    WrongAccount,
    WrongIssuer,
)
from webapp.mail.oauth.registration import ClientRegistration
from webapp.mail.oauth.responses import TokenResponse, claims_of, error_text, names_in
from webapp.settings.service import General

CALLBACK = "/settings/mail/oauth/callback"
STRAYED = Limit("answers of providers to nobody who is signed in", 10, timedelta(hours=1))


def redirect_uri(general: General) -> str:
    """Where the provider sends the browser back to: to be entered there, letter by letter."""
    return general.public_url.rstrip("/") + CALLBACK


def start(parts: AppState, server: MailServer, general: General, sign_in_id: int, origin: str = "") -> str:
    """The provider's address to send this browser to. Raises OAuthFault.

    `origin` is where the browser has Mailroom open, if it says so: its session is not known anywhere else.
    """
    back = redirect_uri(general)
    with _audited(parts):
        if not general.public_url:
            raise NotConfigured(error=words.NO_PUBLIC_ADDRESS)
        if origin and origin != http_client.origin_of(back):
            raise OtherAddress(error=words.OTHER_ADDRESS % {"here": origin, "there": http_client.origin_of(back)})
        registration = transport_settings.registration(server, parts)
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        address = client.authorization_url(registration, back, state, verifier)
    request = requests.in_the_browser(server, sign_in_id, back)
    with parts.database.transaction() as session:
        requests.add(session, parts.sealer, request, state, verifier)
    return address


def complete(parts: AppState, sign_in_id: int, answer: Mapping[str, str]) -> None:
    """Gain the grant from what the provider sent the browser back with. Raises OAuthFault.

    `answer` is the query of the callback. Its state is spent, whatever comes of it.
    """
    with _audited(parts):
        request, server = requests.claim_by_state(parts, sign_in_id, answer.get("state", ""))
        registration = transport_settings.registration(server, parts)
        if "iss" in answer and not client.same_issuer(registration, answer["iss"]):
            raise WrongIssuer(error=words.OTHER_ISSUER)
        if "error" in answer:
            raise SignInFault(reply=error_text(answer["error"], answer.get("error_description")))
        if not answer.get("code"):
            raise SignInFault(reply="invalid_request The provider sent no code.")
        verifier = requests.secret(parts.sealer, request)
        tokens = client.exchange(registration, answer["code"], verifier, request.redirect_uri)
        if "iss" in answer and not client.same_issuer(registration, answer["iss"], tokens.issuer):
            raise WrongIssuer(error=words.OTHER_ISSUER)
        _keep(parts, registration, tokens)


def reject_stray_callback(parts: AppState) -> OAuthError:
    """Note an answer that came to a browser in which no administrator is signed in, and what to say of it.

    Anybody can send such a thing, so the trail tells of so many in an hour and no more.
    """
    fault = UnknownState(error=words.NOT_SIGNED_IN)
    with parts.database.transaction() as session:
        if rate_limits.try_consume(session, STRAYED, ""):
            audit.record(session, events.GRANT_REFUSED, code=fault.code)
    return fault


def start_device(parts: AppState, server: MailServer, sign_in_id: int) -> AuthorizationRequest:
    """Ask for a code, which somebody types at `verification_uri`. Raises OAuthFault."""
    with _audited(parts):
        registration = transport_settings.registration(server, parts)
        code = client.start_device(registration)
    request = requests.on_a_device(server, sign_in_id, code)
    with parts.database.transaction() as session:
        requests.end_all(session, server.id, sign_in_id)
        # Nobody brings this state back: the column has to hold one.
        requests.add(session, parts.sealer, request, secrets.token_urlsafe(32), code.device_code)
    return request


def check_device(parts: AppState, server: MailServer, sign_in_id: int) -> bool:
    """Gain the grant if the code was typed; False where another page of this browser has done so already.

    Raises Pending until then, or another OAuthFault. It may be called as often as one likes: the provider is
    asked no sooner than it allows.
    """
    with _audited(parts):
        registration = transport_settings.registration(server, parts)
        with parts.database.transaction() as session:
            # Of two pages that ask at once, the second one finds what the first one noted.
            request = session.scalar(requests.waiting(server.id, sign_in_id).with_for_update())
            if request is None:
                if _gained_lately(session, server, sign_in_id):
                    return False
                raise SignInFault(error=words.CODE_EXPIRED)
            if request.next_poll_at is not None and clock.now() < request.next_poll_at:
                raise Pending
            request.next_poll_at = clock.now() + timedelta(seconds=request.interval)
        try:
            tokens = client.poll_device(registration, requests.secret(parts.sealer, request))
        except OAuthError as fault:
            _answered(parts, request, fault)
            raise
        with parts.database.transaction() as session:
            requests.end(session, request)
        _keep(parts, registration, tokens)
        return True


def generate(parts: AppState, server: MailServer) -> None:
    """Ask for a new access token now; for grants without a person that is all there is to do. Raises OAuthFault."""
    with _audited(parts):
        source = transport_settings.token_source(server, parts)
        with parts.database.transaction() as session:
            grants.prepare(session, server, source.registration.method)
        source.get(by_hand=True)
    with parts.database.transaction() as session:
        events.grant_obtained.send(session=session)


@contextmanager
def _audited(parts: AppState) -> Iterator[None]:
    """Put a sign-in that ends without a grant into the trail."""
    try:
        yield
    except Pending:
        raise
    except OAuthError as fault:
        with parts.database.transaction() as session:
            audit.record(session, events.GRANT_REFUSED, code=fault.code)
        raise


def _keep(parts: AppState, registration: ClientRegistration, tokens: TokenResponse) -> None:
    """Save what was granted, if it is what was asked for and the settings are still the same."""
    tokens = replace(tokens, names=account.account_names(registration, tokens))
    _check(registration, tokens)
    now = clock.now()
    with parts.database.transaction() as session:
        server = servers.lock_primary(session)
        if server is None or transport_settings.registration(server, parts) != registration:
            raise UnknownState(error=words.CHANGED_SETTINGS)
        grants.prepare(session, server, registration.method)
        session.flush()
        grant = grants.get(session, server.id)
        for name, value in grants.store_tokens(tokens, registration, parts.sealer, now).items():
            setattr(grant, name, value)
        events.grant_obtained.send(session=session)
        audit.record(session, events.GRANT_OBTAINED, grant_type=registration.method.grant)


def _check(registration: ClientRegistration, tokens: TokenResponse) -> None:
    names = tokens.names or _names_in(registration, tokens.access_token)
    if names and not any(_same_account(name, registration.username) for name in names):
        raise WrongAccount(error=words.OTHER_ACCOUNT % {"account": names[0]})
    if tokens.scopes is not None:
        missing = registration.needed_scopes - {scope.casefold() for scope in tokens.scopes}
        if missing:
            raise MissingScopes(error=words.NOT_GRANTED % {"scopes": " ".join(sorted(missing))})
    if not tokens.refresh_token:
        raise NoRefreshToken(error=words.NO_REFRESH_TOKEN)


def _same_account(name: str, username: str) -> bool:
    """Whether both name one account; a name without a domain says less, and is compared as far as it goes."""
    theirs, ours = name.casefold(), username.casefold()
    if "@" in theirs and "@" in ours:
        return theirs == ours
    return theirs.partition("@")[0] == ours.partition("@")[0]


def _gained_lately(session: Session, server: MailServer, sign_in_id: int) -> bool:
    """Whether a code that is not there any more is so because it was typed, as far as one can tell."""
    grant = grants.get(session, server.id)
    if grant is None or grant.status != GrantStatus.GENERATED or grant.granted_at is None:
        return False
    return clock.now() - grant.granted_at < client.LONGEST_CODE and not requests.is_any(session, server.id, sign_in_id)


def _names_in(registration: ClientRegistration, access_token: str) -> Sequence[str]:
    """Who a token says it is for, where its claims are known (Microsoft's)."""
    claims = claims_of(access_token) if registration.method.expected_claims else {}
    return names_in(claims)


def _answered(parts: AppState, request: AuthorizationRequest, fault: OAuthError) -> None:
    if fault.lasting:
        with parts.database.transaction() as session:
            requests.end(session, request)
    elif isinstance(fault, Pending) and fault.slower:
        with parts.database.transaction() as session:
            requests.increase_interval(session, request)

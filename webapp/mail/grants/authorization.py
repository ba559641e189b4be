"""Obtaining a grant: an administrator starts it, and it is completed in the same session within minutes.

`start` and `complete` are the authorization code with PKCE, `start_device` and `check_device` the device
code, `generate` all grant types without a person. Any failure is an OAuthError, leaves the saved settings
and the previous grant unchanged, and is recorded in the audit trail.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from webapp.audit import service as audit
from webapp.core import clock, http_client
from webapp.core.app_state import app_state
from webapp.mail import audit_events, servers, signals
from webapp.mail.grants import requests, token_source
from webapp.mail.grants import service as grants
from webapp.mail.models import AuthorizationRequest, GrantStatus, MailServer
from webapp.mail.oauth import client, discovery, responses
from webapp.mail.oauth.errors import AuthorizationFailed, NotConfigured, OAuthError, Pending
from webapp.mail.oauth.registration import ClientRegistration
from webapp.mail.oauth.responses import TokenResponse
from webapp.settings.service import General

CALLBACK = "/settings/mail/oauth/callback"


def redirect_uri(general: General) -> str:
    """Return the URL that the provider sends the browser back to; it must be registered there exactly so."""
    return general.public_url.rstrip("/") + CALLBACK


def start(server: MailServer, general: General, session_id: int, origin: str = "") -> str:
    """Return the provider's URL to send this browser to. Raises OAuthError.

    `origin` is where the browser has Mailroom open, if known: its session exists only there.
    """
    callback = redirect_uri(general)
    with _failures_recorded():
        if not general.public_url:
            raise NotConfigured("no_public_url")
        if origin and origin != http_client.origin_of(callback):
            raise AuthorizationFailed("wrong_origin", {"here": origin, "there": http_client.origin_of(callback)})
        registration = token_source.for_server(server, app_state()).registration
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        url = client.authorization_url(registration, callback, state, verifier)
    with app_state().database.transaction() as session:
        expires_at = clock.now() + requests.LIFETIME
        requests.create(
            session, app_state().sealer, server, session_id, state, verifier,
            redirect_uri=callback, expires_at=expires_at,
        )  # fmt: skip
    return url


def complete(session_id: int, query: Mapping[str, str]) -> None:
    """Obtain the grant from the query that the provider sent the browser back with. Raises OAuthError.

    Its state cannot be used again, whatever the outcome.
    """
    with _failures_recorded():
        request, server = requests.claim_by_state(session_id, query.get("state", ""))
        registration = token_source.for_server(server, app_state()).registration
        if "iss" in query and not client.is_same_issuer(registration, query["iss"]):
            raise AuthorizationFailed("wrong_issuer")
        if "error" in query:
            text = responses.error_text(query["error"], query.get("error_description"))
            raise AuthorizationFailed(responses.error_code(query["error"]), reply=text)
        if not query.get("code"):
            raise AuthorizationFailed("code_missing")
        verifier = requests.open_secret(app_state().sealer, request)
        tokens = client.exchange(registration, query["code"], verifier, request.redirect_uri)
        if "iss" in query and not client.is_same_issuer(registration, query["iss"], tokens.issuer):
            raise AuthorizationFailed("wrong_issuer")
        _save(server.id, registration, tokens)


def start_device(server: MailServer, session_id: int) -> AuthorizationRequest:
    """Request a code to enter at the `verification_uri` of the result. Raises OAuthError."""
    with _failures_recorded():
        code = client.request_device_code(token_source.for_server(server, app_state()).registration)
    with app_state().database.transaction() as session:
        requests.delete_all(session, server.id, session_id)
        # This state is never used: the column needs a unique value.
        return requests.create(
            session, app_state().sealer, server, session_id, secrets.token_urlsafe(32), code.device_code,
            user_code=code.user_code, verification_uri=code.verification_uri, interval=code.interval,
            expires_at=clock.now() + code.lifetime,
        )  # fmt: skip


def check_device(server: MailServer, session_id: int) -> bool:
    """Obtain the grant if the code was entered; return False if another page of this session already did.

    Raises Pending until then, or another OAuthError. It may be called at any rate: the provider is asked
    no more often than it allows.
    """
    with _failures_recorded():
        registration = token_source.for_server(server, app_state()).registration
        request = _next_poll(server, session_id)
        if request is None:
            return False
        try:
            tokens = client.poll_device(registration, requests.open_secret(app_state().sealer, request))
        except OAuthError as error:
            _update_request(request, error)
            raise
        with app_state().database.transaction() as session:
            requests.delete_one(session, request)
        _save(server.id, registration, tokens)
        return True


def generate(server: MailServer) -> None:
    """Get a new access token now; for grant types without a person this is the authorization. Raises OAuthError."""
    with _failures_recorded():
        source = token_source.for_server(server, app_state())
        with app_state().database.transaction() as session:
            grants.prepare(session, server, source.registration.method)
        source.force_refresh()
    with app_state().database.transaction() as session:
        signals.grant_obtained.send(session=session)


@contextmanager
def _failures_recorded() -> Iterator[None]:
    """Record an authorization that fails in the audit trail."""
    try:
        yield
    except Pending:
        raise
    except OAuthError as error:
        with app_state().database.transaction() as session:
            audit.record(session, audit_events.GRANT_REFUSED, code=error.code)
        raise


def _save(server_id: int, registration: ClientRegistration, tokens: TokenResponse) -> None:
    """Save what was granted, if it is sufficient and the settings have not changed meanwhile."""
    tokens = replace(tokens, names=discovery.account_names(registration, tokens))
    _check(registration, tokens)
    now = clock.now()
    with app_state().database.transaction() as session:
        server = servers.lock_one(session, server_id)
        if server is None or token_source.for_server(server, app_state()).registration != registration:
            raise AuthorizationFailed("settings_changed")
        grants.prepare(session, server, registration.method)
        grant = grants.get(session, server.id)
        for name, value in grants.authorized(tokens, registration, app_state().sealer, now).items():
            setattr(grant, name, value)
        signals.grant_obtained.send(session=session)
        audit.record(session, audit_events.GRANT_OBTAINED, grant_type=registration.method.grant_type)


def _check(registration: ClientRegistration, tokens: TokenResponse) -> None:
    if tokens.names and not any(_is_same_account(name, registration.username) for name in tokens.names):
        raise AuthorizationFailed("wrong_account", {"account": tokens.names[0]})
    if tokens.scopes is not None:
        missing = registration.needed_scopes - {scope.casefold() for scope in tokens.scopes}
        if missing:
            raise AuthorizationFailed("missing_scopes", {"scopes": " ".join(sorted(missing))})
    if not tokens.refresh_token:
        raise AuthorizationFailed("no_refresh_token")


def _is_same_account(name: str, username: str) -> bool:
    """Compare two names of an account; if one has no domain, only the parts before the @."""
    theirs, ours = name.casefold(), username.casefold()
    if "@" in theirs and "@" in ours:
        return theirs == ours
    return theirs.partition("@")[0] == ours.partition("@")[0]


def _next_poll(server: MailServer, session_id: int) -> AuthorizationRequest | None:
    """Return the request to poll for now, or None if it was completed elsewhere. Raises OAuthError."""
    with app_state().database.transaction() as session:
        # Locked, so that of two pages that poll at once, the second sees the first one's next_poll_at.
        request = session.scalar(requests.waiting(server.id, session_id).with_for_update())
        if request is None:
            grant = grants.get(session, server.id)
            completed = grant is not None and grant.status == GrantStatus.GENERATED
            if completed and not requests.exists(session, server.id, session_id):
                return None
            raise AuthorizationFailed("code_expired")
        if request.next_poll_at is not None and clock.now() < request.next_poll_at:
            raise Pending
        request.next_poll_at = clock.now() + timedelta(seconds=request.interval)
        return request


def _update_request(request: AuthorizationRequest, error: OAuthError) -> None:
    with app_state().database.transaction() as session:
        if error.permanent:
            requests.delete_one(session, request)
        elif isinstance(error, Pending) and error.slow_down:
            requests.increase_interval(session, request)

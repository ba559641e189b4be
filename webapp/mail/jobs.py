"""What needs a look also while no mail leaves: grants that lapse unused, the server's certificate, warnings."""

from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from flask import Flask
from sqlalchemy import delete
from sqlalchemy.orm import Session

from webapp.core.app_state import AppState, app_state
from webapp.core.jobs import Job, cleanup_job, register_jobs
from webapp.core.sealing import CannotUnseal
from webapp.mail import servers, transport_settings
from webapp.mail.expiry import alerts, certificates
from webapp.mail.grants import renewal, token_source
from webapp.mail.models import AuthorizationRequest, MailServer
from webapp.mail.oauth.errors import OAuthError
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.errors import DeliveryError
from webapp.providers.registry import UnknownProvider
from webapp.settings.service import general

log = structlog.get_logger(__name__)


def init_app(app: Flask) -> None:
    """Register the jobs."""
    register_jobs(
        app,
        Job("refresh grants", lambda now: refresh_grants(app_state(), now), timedelta(minutes=10), "delivery"),
        Job("check certificate", lambda now: check_certificate(app_state(), now), timedelta(minutes=10), "delivery"),
        Job("send expiry alerts", lambda now: alerts.send_alerts(app_state(), now), timedelta(seconds=5), "delivery"),
        cleanup_job("delete expired authorization requests", delete_expired_requests),
    )


def delete_expired_requests(session: Session, now: datetime) -> None:
    """Delete authorization requests that were not completed in time."""
    session.execute(delete(AuthorizationRequest).where(AuthorizationRequest.expires_at <= now))


def refresh_grants(parts: AppState, now: datetime) -> None:
    """Renew every grant that is due; failures are saved with the grant, as when mail is sent.

    So grants that are not used stay alive, and a dead one is known within a day.
    """
    for server_id in renewal.due(parts, now):
        with parts.database.read() as session:
            server = session.get(MailServer, server_id)
        if server is None:
            continue
        try:
            token_source.for_server(server, parts).refresh()
        except OAuthError as fault:
            log.warning("grant not kept alive", code=fault.code)


def check_certificate(parts: AppState, now: datetime) -> None:
    """See the server's certificate, where no mail has shown it for a day: connect, and sign in nowhere."""
    with parts.database.read() as session:
        server, present = servers.primary(session), general(session, parts.config)
    if server is None or not certificates.needs_check(server, now):
        return
    try:
        opened = replace(transport_settings.load(server, parts, present), authentication="none", tokens=None)
        with SmtpConnection(opened) as connection:
            certificates.record(parts.database, server, connection.certificate)
    except (DeliveryError, UnknownProvider, CannotUnseal) as error:
        log.warning("certificate not seen", error=str(error))

"""The jobs that keep mail servers working even when no email is sent."""

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
from webapp.settings.service import General, general

log = structlog.get_logger(__name__)


def init_app(app: Flask) -> None:
    """Register the jobs."""
    register_jobs(
        app,
        Job("refresh grants", refresh_grants),
        Job("check certificate", check_certificate, every=timedelta(minutes=10)),
        Job("send expiry alerts", alerts.send_alerts),
        cleanup_job("delete expired authorization requests", delete_expired_requests),
    )


def refresh_grants(now: datetime) -> None:
    """Refresh every grant that is due; a failure is saved with the grant."""
    state = app_state()
    for server in renewal.due(state, now):
        try:
            token_source.for_server(server, state).refresh()
        except OAuthError as error:
            log.warning("grant not refreshed", code=error.code)


def check_certificate(now: datetime) -> None:
    """Connect to each server that is used to see its certificate, if it was not seen for a day."""
    state = app_state()
    with state.database.read() as session:
        used, present = servers.in_order(session), general(session, state.config)
    for server in used:
        if certificates.needs_check(server, now):
            _check_certificate(server, state, present)


def _check_certificate(server: MailServer, state: AppState, present: General) -> None:
    try:
        settings = transport_settings.load(server, state, present)
        with SmtpConnection(settings.without_credentials) as connection:
            certificates.record(state.database, server, connection.certificate)
    except (DeliveryError, UnknownProvider, CannotUnseal) as error:
        log.warning("certificate not checked", error=str(error))


def delete_expired_requests(session: Session, now: datetime) -> None:
    """Delete authorization requests that were not completed in time."""
    session.execute(delete(AuthorizationRequest).where(AuthorizationRequest.expires_at <= now))

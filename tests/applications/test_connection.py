"""The settings that programs get, by what is configured."""

from dataclasses import replace

import pytest

from tests.support.applications import add_application
from tests.support.browser import Browser
from webapp.applications.connection import SmtpSettings, smtp_settings
from webapp.core.config import Config
from webapp.core.database import Database
from webapp.settings.service import General

ANYWHERE = General("https://mail.example.com")

pytestmark = pytest.mark.one_database


def test_programs_get_the_host_of_the_public_url_for_all_addresses_of_the_machine(config: Config) -> None:
    configured = replace(config, submission="smtps://0.0.0.0:465, [::]:587", submission_certificate="cert.pem")
    assert smtp_settings(configured, ANYWHERE) == [
        SmtpSettings("mail.example.com", 465, "tls"),
        SmtpSettings("mail.example.com", 587, "starttls"),
    ]


def test_a_page_says_how_to_turn_smtp_on(administrator: Browser) -> None:
    assert "MAILROOM_SUBMISSION" in administrator.get("/settings/applications").text


class TestConfigured:
    """SMTP is on, without TLS."""

    @pytest.fixture
    def config_values(self) -> dict[str, str]:
        return {"submission": "127.0.0.1:2525"}

    def test_the_pages_show_host_and_port(self, administrator: Browser, database: Database) -> None:
        application = add_application(database)
        page = administrator.get("/settings/applications").text
        assert "2525" in page
        assert "MAILROOM_SUBMISSION" not in page
        page = administrator.get("/settings/applications/1").text
        assert f"MAIL_USERNAME={application.identifier}" in page
        assert "curl https://mailroom.example/api/v1/status" in page

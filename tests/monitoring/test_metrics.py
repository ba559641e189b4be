"""Metrics for Prometheus."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import TestResponse

from tests.conftest import Enqueue
from tests.monitoring.conftest import Count
from tests.support.browser import Browser
from tests.support.inbox import Inbox
from tests.support.query_plans import query_plans
from webapp.core import clock, workers
from webapp.core.database import Database
from webapp.monitoring import metrics

TOKEN = "a-token-of-prometheus"
Act = Callable[[], None]
Scrape = Callable[[], dict[str, float]]


@pytest.fixture
def config_values() -> dict[str, Any]:
    """A metrics token."""
    return {"metrics_token": TOKEN}


@pytest.fixture
def scrape(stranger: Browser) -> Scrape:
    """Read the metrics as Prometheus does: each by its name and the values of its labels."""

    def scrape() -> dict[str, float]:
        families = text_string_to_metric_families(ask(stranger, f"Bearer {TOKEN}").text)
        samples = [sample for family in families for sample in family.samples]
        return {" ".join([one.name, *one.labels.values()]): one.value for one in samples}

    return scrape


def ask(stranger: Browser, authorization: str) -> TestResponse:
    return stranger.get("/metrics", headers={"Authorization": authorization})


@pytest.mark.one_database
@pytest.mark.parametrize("given", ["", TOKEN, "Bearer ", "Bearer another-token-12345", f"Basic {TOKEN}", "Bearer é"])
def test_metrics_are_only_for_those_who_know_the_token(stranger: Browser, given: str) -> None:
    answer = ask(stranger, given)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "mailroom_" not in answer.text


@pytest.mark.one_database
class TestWithoutToken:
    """An installation that nobody watches."""

    @pytest.fixture
    def config_values(self) -> dict[str, Any]:
        """No metrics token."""
        return {}

    @pytest.mark.parametrize("given", ["", "Bearer ", f"Bearer {TOKEN}"])
    def test_there_are_no_metrics(self, stranger: Browser, given: str) -> None:
        assert ask(stranger, given).status_code == 404


def test_what_waits_and_whether_mail_flows_is_read_now(
    scrape: Scrape, enqueue: Enqueue, inbox: Inbox, deliver: Act, database: Database
) -> None:
    enqueue(not_before=clock.now() + timedelta(hours=1))
    inbox.password = "changed"
    enqueue()
    enqueue()
    found = scrape()
    assert (found["mailroom_messages due"], found["mailroom_messages scheduled"]) == (2, 1)
    assert (found["mailroom_mail_flowing"], found["mailroom_workers"]) == (1, 0)
    deliver()
    with database.transaction() as session:
        workers.beat(session, "one", clock.now())
    found = scrape()
    assert (found["mailroom_messages due"], found["mailroom_mail_flowing"], found["mailroom_workers"]) == (0, 0, 1)
    assert 0 < found["mailroom_oldest_message_seconds"] < 60


def test_what_was_counted_is_shown_with_its_labels(scrape: Scrape, count: Count) -> None:
    count("attempts", "sent", "", 3)
    count("attempts", "failed", "rcpt", hours=900)
    count("finished", "reset", "sent", 2)
    count("refreshes", "failed")
    for application in ("", "1", "2"):
        count("submission_refusals", "sender", application, 2)
    found = scrape()
    assert found["mailroom_submission_refusals_total sender"] == 6
    assert found["mailroom_attempts_total sent "] == 3
    assert found["mailroom_attempts_total failed rcpt"] == 1
    assert found["mailroom_finished_messages_total reset sent"] == 2
    assert (found["mailroom_token_refreshes_total failed"], found["mailroom_token_refreshes_total refreshed"]) == (1, 0)


@pytest.mark.one_database
def test_latency_is_a_histogram(scrape: Scrape, count: Count) -> None:
    for bound, number in (("0.5", 6), ("5", 3), ("inf", 1)):
        count("latency", bound, amount=number)
    count("latency_sum", amount=4000.5)
    found = {name.removeprefix("mailroom_delivery_seconds_"): value for name, value in scrape().items()}
    buckets = [found[f"bucket {bound}"] for bound in ("0.1", "0.5", "1", "5", "3600", "+Inf")]
    assert (buckets, found["count"], found["sum"]) == ([0, 6, 6, 9, 9, 10], 10, 4000.5)


def test_no_message_is_looked_at_that_is_finished(database: Database, app_context: None) -> None:
    plans = query_plans(database, lambda session: metrics.render(session, clock.now()))
    assert len(plans) > 4
    assert not [plan for plan in plans if "SCAN messages" in plan or "Seq Scan on messages" in plan]

"""The committer: several emails share a transaction."""

import asyncio

from flask import Flask

from tests.support.submission import EMAIL
from webapp.applications.models import Application
from webapp.core.database import Database
from webapp.outbox.models import Message
from webapp.outbox.submissions.service import Handed
from webapp.submission.committer import Committer
from webapp.submission.replies import Refusal


def store_together(app: Flask, application_id: int, *handed: Handed) -> list[str | BaseException]:
    """Hand emails in before the committer looks for the first one; return what became of each."""
    committer = Committer(app)

    async def store() -> list[str | BaseException]:
        stored = [asyncio.create_task(committer.store(application_id, one)) for one in handed]
        await asyncio.sleep(0)
        committer.start()
        return await asyncio.gather(*stored, return_exceptions=True)

    try:
        return asyncio.run(store())
    finally:
        committer.stop()


def test_an_email_that_breaks_the_transaction_does_not_break_the_others(
    app: Flask, database: Database, shop: Application
) -> None:
    # No database takes this text. It doesn't get this far, as far as is known.
    broken = Handed("orders@shop.example", ["\udcff@people.example"], EMAIL)
    good = Handed("orders@shop.example", ["ada@people.example"], EMAIL)
    first, refused, second = store_together(app, shop.id, good, broken, good)
    assert isinstance(refused, Refusal)
    assert refused.reply.startswith("451 ")
    assert first != second
    with database.read() as session:
        assert session.query(Message).count() == 2

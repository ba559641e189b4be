"""A test that takes long: its page arrives in parts, and shows what the test is doing until the result is there.

It needs no script, and no place that several processes share: the stages are read from the transcript of the test,
which runs in a thread beside the one that answers. A proxy that buffers responses shows all at once, at the end.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextvars import copy_context

from flask import Response, current_app, make_response, render_template, stream_with_context

from webapp.mail.test_send import Progress, TestSend

# In seconds.
SHOWN_AFTER, POLL = 1.0, 0.2
# Both pages contain it: where the content begins that replaces the progress.
CONTENT = "<!-- content -->"

Tested = Future[TestSend]


def show(send: Callable[[Progress], TestSend], page: Callable[[Tested], Response]) -> Response:
    """Send a test, and return the page of its result; after a second, begin with one that shows the progress."""
    progress, tested = Progress(), Tested()

    def run() -> None:
        try:
            tested.set_result(send(progress))
        except BaseException as error:
            tested.set_exception(error)

    threading.Thread(target=copy_context().run, args=(run,), name="test send", daemon=True).start()
    wait([tested], SHOWN_AFTER)
    if tested.done():
        return page(tested)
    response = Response(stream_with_context(_parts(progress, tested, page)), mimetype="text/html")
    # So that nginx doesn't buffer it.
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _parts(progress: Progress, tested: Tested, page: Callable[[Tested], Response]) -> Iterator[str]:
    yield render_template("mail/testing.html").partition(CONTENT)[0]
    shown = 0
    while not tested.done():
        for label in progress.labels[shown:]:
            yield render_template("mail/_testing_stage.html", label=label)
            shown += 1
        wait([tested], POLL)
    yield "</ol></section>"
    try:
        result = page(tested)
    except Exception as error:
        # The response has begun, so its status stays.
        result = make_response(current_app.handle_user_exception(error))
    yield result.get_data(as_text=True).rpartition(CONTENT)[2]

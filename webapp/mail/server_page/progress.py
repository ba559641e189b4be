"""A test that takes long: its page arrives in parts, and shows what the test is doing until the result is there.

It needs no script, and no place that several processes share: the stages are read from the transcript of the check,
which runs in a thread beside the one that answers. A proxy that buffers responses shows all at once, at the end.
Cancel is a form that posts all that was entered once more: so the browser leaves this page, which stops the check.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Response, current_app, make_response, render_template, stream_with_context

from webapp.core.deadlines import start
from webapp.mail.doctor.examination import Examination, Progress, Step

# In seconds.
SHOWN_AFTER, POLL = 1.0, 0.2
# Both pages contain it: where the content begins that replaces the progress.
CONTENT = "<!-- content -->"

Tested = Future[Examination]


def show(check: Callable[[Progress], Examination], page: Callable[[Tested], Response], **shown: Any) -> Response:
    """Run a check, and return the page of its result; after a second, begin with one that shows the progress.

    What that one needs is `shown`: whether the check `sends`, and what is `kept` to have the form back after Cancel.
    """
    progress = Progress()
    tested = start(partial(check, progress))
    wait([tested], SHOWN_AFTER)
    if tested.done():
        return page(tested)
    response = Response(stream_with_context(_parts(progress, tested, page, shown)), mimetype="text/html")
    # So that nginx doesn't buffer it.
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _parts(
    progress: Progress, tested: Tested, page: Callable[[Tested], Response], names: Mapping[str, Any]
) -> Iterator[str]:
    shown = _Shown()
    try:
        yield render_template("mail/testing.html", **names).partition(CONTENT)[0]
        while not tested.done():
            # Something each time, as the server only notices by it that the browser has left.
            yield shown.news(progress.steps) or "\n"
            wait([tested], POLL)
    finally:
        # Of a check that is still running: the browser has left, perhaps by Cancel.
        if not tested.done():
            progress.deadline.stop()
    yield shown.news(progress.steps) + "</ol></div></section>"
    try:
        result = page(tested)
    except Exception as error:
        # The response has begun, so its status stays.
        result = make_response(current_app.handle_user_exception(error))
    yield result.get_data(as_text=True).rpartition(CONTENT)[2]


@dataclass
class _Shown:
    """How much of the progress the browser has: the steps that were begun, and those that were ended."""

    begun: int = 0
    ended: int = 0

    def news(self, steps: Sequence[Step]) -> str:
        """Return what follows in the list of steps. Each is open until it ends."""
        html = ""
        for number, step in enumerate(steps):
            if number >= self.begun:
                html += render_template("mail/_testing_stage.html", begins=step)
                self.begun += 1
            if number >= self.ended and step.ended:
                html += render_template("mail/_testing_stage.html", ends=step)
                self.ended += 1
        return html

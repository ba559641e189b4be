"""Files to download, sent in pieces so that their size does not matter."""

from collections.abc import Iterator
from itertools import chain

from flask import Response, stream_with_context

# Without it, Excel takes the file for one in the encoding of Windows.
BYTE_ORDER_MARK = "\ufeff"


def csv_download(name: str, pieces: Iterator[str]) -> Response:
    """Return a response that sends these pieces as a CSV file; `name` is plain ASCII, without the ending."""
    return Response(
        stream_with_context(chain([BYTE_ORDER_MARK], pieces)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )

"""Files to download, sent in pieces so that their size does not matter."""

from collections.abc import Iterator

from flask import Response, stream_with_context


def csv_download(name: str, pieces: Iterator[str]) -> Response:
    """Return a response that sends these pieces as a CSV file; `name` is plain ASCII, without the ending."""
    return Response(
        stream_with_context(pieces),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )

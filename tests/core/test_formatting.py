"""Dates, times and numbers in the current language."""

import pytest
from flask import Flask

from webapp.core import formatting, i18n

pytestmark = pytest.mark.one_database


@pytest.mark.parametrize(("minutes", "text"), [(1440, "يوم"), (2880, "يومان"), (10080, "7 أيام"), (180, "3 ساعات")])
def test_durations_are_spelled_out_where_babel_lacks_a_long_unit_name(app: Flask, minutes: int, text: str) -> None:
    with app.test_request_context(), i18n.use_language("ar"):
        assert formatting.format_minutes(minutes) == text

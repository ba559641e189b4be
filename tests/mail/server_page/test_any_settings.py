"""Whatever is entered into the mail server form, for any authentication: it comes back, and nothing breaks."""

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mail.page import PAGE, custom
from tests.support.browser import Browser
from tests.web.test_any_input import EXAMPLES, ODD, encoded
from webapp.mail.server_page.forms import CARRIED, SECRETS
from webapp.mail.servers import COLUMNS
from webapp.providers import GrantType

START = "/settings/mail/oauth/start"
# Nothing listens there.
UNREACHABLE = "http://127.0.0.1:9/"
OAUTH2 = {
    "client_id": "mailroom", "client_secret": "secret", "tenant_id": "example.org", "token_url": UNREACHABLE,
    "authorize_url": UNREACHABLE, "device_authorization_url": UNREACHABLE, "scopes": "mail.send",
    "service_account_key": "{}",
}  # fmt: skip
NAMES = sorted({*COLUMNS, *SECRETS, *CARRIED})
values = st.one_of(st.sampled_from(ODD), st.text(max_size=40))

pytestmark = pytest.mark.one_database


@settings(EXAMPLES, max_examples=25)
@given(
    method=st.sampled_from(["password", "none", *get_args(GrantType)]),
    button=st.sampled_from(["save", "choose", "apply", "generate"]),
    provider=st.sampled_from(["custom", "google", "office365", "sendgrid"]),
    entered=st.dictionaries(st.sampled_from(NAMES), values, max_size=4),
)
def test_no_authentication_breaks_whatever_is_entered(
    administrator: Browser, method: str, button: str, provider: str, entered: dict[str, str]
) -> None:
    fields = custom(**OAUTH2) | {"authentication": method, "provider": provider, "timeout": "1", **entered}
    body = encoded([("csrf_token", administrator.csrf_token()), (button, "1"), *fields.items()])
    page = administrator.client.post(
        START if button == "generate" else PAGE, data=body, content_type="application/x-www-form-urlencoded"
    )
    assert page.status_code < 500, page.text
    assert administrator.get(PAGE).status_code == 200

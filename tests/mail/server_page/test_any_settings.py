"""Whatever is typed into the mail server form, for whichever way to sign in: it comes back, and nothing breaks."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mail.page import PAGE, custom
from tests.support.browser import Browser
from tests.web.test_any_input import EXAMPLES, ODD, encoded
from webapp.mail.server_page.forms import COLUMNS, SECRETS
from webapp.providers import Grant

START = "/settings/mail/oauth/start"
# Nobody listens there.
NOWHERE = "http://127.0.0.1:9/"
OAUTH2 = {
    "client_id": "mailroom", "client_secret": "secret", "tenant_id": "example.org", "token_url": NOWHERE,
    "authorize_url": NOWHERE, "device_authorization_url": NOWHERE, "scopes": "mail.send", "service_account_key": "{}",
}  # fmt: skip
values = st.one_of(st.sampled_from(ODD), st.text(max_size=40))

pytestmark = pytest.mark.one_database


@EXAMPLES
@given(
    way=st.sampled_from(["password", "none", *get_args(Grant)]),
    button=st.sampled_from(["save", "choose", "apply", "generate"]),
    provider=st.sampled_from(["custom", "google", "office365", "sendgrid"]),
    typed=st.dictionaries(st.sampled_from(sorted({*COLUMNS, *SECRETS, "kept", "typed", "shown"})), values, max_size=4),
)
def test_no_way_to_sign_in_breaks_whatever_is_typed(
    administrator: Browser, way: str, button: str, provider: str, typed: dict[str, str]
) -> None:
    fields = custom(**OAUTH2) | {"authentication": way, "provider": provider, "timeout": "1", **typed}
    body = encoded([("csrf_token", administrator.csrf_token()), (button, "1"), *fields.items()])
    answer = administrator.client.post(
        START if button == "generate" else PAGE, data=body, content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code < 500, answer.text
    assert administrator.get(PAGE).status_code == 200

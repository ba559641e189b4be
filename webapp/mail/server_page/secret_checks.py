"""What the mail server form checks of secrets: that each is typed, or that a saved one may go where it goes now."""

from flask_babel import gettext as _

from webapp.core.app_state import AppState
from webapp.mail import servers
from webapp.mail.models import MailServer
from webapp.mail.server_page import drafts, page
from webapp.mail.server_page.forms import MailServerForm
from webapp.mail.servers import ServerDraft

# With another of these it is another secret that is asked for.
OTHER_SECRET = frozenset({"provider", "authentication"})


def has_secrets(
    parts: AppState, form: MailServerForm, draft: ServerDraft, saved: MailServer | None, user_id: int
) -> bool:
    """Whether every secret is typed or may be taken from the saved ones; errors stand at the fields."""
    lost = servers.secrets_to_retype(saved, draft)
    needed = draft.secret_names - {servers.PROXY_PASSWORD} - form.optional_fields()
    lacking = {name for name in needed if not draft.secrets.get(name) and not (saved and name in saved.secrets)}
    earlier = drafts.moved_since(parts.sealer, draft, form.typed.data or "", user_id)
    for name in sorted(lost | lacking):
        changed = servers.destination_changes(saved, draft) if saved is not None and name in lost else OTHER_SECRET
        form.problem(name, _why_to_type(name, form, earlier, changed))
    return not lost | lacking


def ask_again(parts: AppState, form: MailServerForm, draft: ServerDraft, saved: MailServer | None) -> None:
    """Say beside every blank secret that the saved one cannot be opened."""
    kept = saved.secrets if saved is not None else {}
    for name in sorted(draft.secret_names):
        if name in kept and not draft.secrets.get(name):
            form.problem(name, _("The saved secret can't be decrypted with the current secret key. Enter it again."))


def _why_to_type(name: str, form: MailServerForm, earlier: frozenset[str], changed: frozenset[str]) -> str:
    """What to say beside a blank secret: that it is needed, or why a typed or a saved one does not go along.

    `earlier` is what changed since it was typed, `changed` since it was saved.
    """
    of_it = servers.PROXY_DESTINATION if name == servers.PROXY_PASSWORD else servers.DESTINATION
    earlier &= set(of_it)
    if earlier and not earlier & OTHER_SECRET:
        return _(
            "Enter this again, because you changed %(fields)s. (For safety, it's only sent to the "
            "server you entered it for.)",
            fields=page.labels(form, earlier),
        )
    if changed & OTHER_SECRET & set(of_it):
        return _("Enter this. It's required to sign in.")
    return _(
        "Enter this again, because you changed %(fields)s. (For safety, a saved secret is only "
        "sent to the server it was saved for.)",
        fields=page.labels(form, changed),
    )

"""What the audit trail records about mail servers."""

from flask_babel import lazy_gettext as lazy

from webapp.audit.registry import EventType

MAIL_SERVER_SAVED = EventType("mail_server.saved", lazy("Mail server saved"))
MAIL_SERVER_DRAFT_SAVED = EventType("mail_server.draft_saved", lazy("Mail server draft saved"))
MAIL_SERVER_DRAFT_DISCARDED = EventType("mail_server.draft_discarded", lazy("Mail server draft discarded"))
MAIL_SERVER_MOVED = EventType("mail_server.moved", lazy("Order of the mail servers changed"))
MAIL_SERVER_RETIRED = EventType("mail_server.retired", lazy("Mail server no longer used, kept as a draft"))
MAIL_SERVER_ASSIGNED = EventType("mail_server.assigned", lazy("Mail server renamed, or its senders changed"))
MAIL_SERVER_DELETED = EventType("mail_server.deleted", lazy("Mail server deleted"))
MAIL_SERVER_RESTORED = EventType("mail_server.restored", lazy("Earlier mail server settings restored"))
MAIL_SERVER_WENT_BACK = EventType(
    "mail_server.went_back", lazy("Mail server settings that worked restored by Mailroom")
)
TEST_EMAIL_SENT = EventType("test_send.sent", lazy("Test email sent"))
TEST_EMAIL_FAILED = EventType("test_send.failed", lazy("Test email failed"))
# Without an email.
CHECK_PASSED = EventType("mail_server.check_passed", lazy("Mail server check passed"))
CHECK_FAILED = EventType("mail_server.check_failed", lazy("Mail server check failed"))
# Of versions that had one event for both. Nothing records it any more.
TEST_SEND_FINISHED = EventType("test_send.finished", lazy("Test email attempted"))
GRANT_OBTAINED = EventType("grant.obtained", lazy("Access token generated"))
GRANT_REFUSED = EventType("grant.refused", lazy("Access token could not be generated"))
GRANT_REFRESH_FAILED = EventType("grant.refresh_failed", lazy("Access token could not be refreshed"))
GRANT_REMOVED = EventType("grant.removed", lazy("Access token removed"))
EXPIRY_ALERT_RAISED = EventType("expiry_alert.raised", lazy("Administrators warned about the mail server"))
EXPIRY_ALERT_RESOLVED = EventType("expiry_alert.resolved", lazy("Mail server warning cleared"))

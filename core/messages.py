"""The catalogue of sentences that core stores and pages show, in English. Pure.

A constant is a template: `%(name)s` stands for text, `%(name)d` for a whole number. Core fills it in and stores the
English text; `web.ui.messages` finds the template of a text again and translates it. `_` marks a text for extraction.
"""

from __future__ import annotations


def _(text: str) -> str:
    return text


# Why a meeting has no post.
RULE_NO_MEETINGS = _("The settings exclude meetings.")
RULE_NO_WEBINARS = _("The settings exclude webinars.")
RULE_INSTANT = _("It is an instant meeting, and the settings exclude those.")
RULE_PERSONAL_ROOM = _("It is in the host's personal meeting room, and the settings exclude those.")
RULE_HOST = _("Its host is not among those whose meetings the settings publish.")
RULE_TOPIC_EXCLUDED = _("Its topic matches “%(pattern)s”, which the settings exclude.")
RULE_TOPIC_UNMATCHED = _("Its topic matches none of the patterns that the settings publish.")
DELETED_PERMANENTLY = _("It was permanently deleted in Zoom.")
DELETED = _("It was deleted in Zoom. If it is recovered there, its page is restored.")
INCOMPLETE = _(
    "Zoom has not sent all of its details yet (missing: %(missing)s). Its page is created when Zoom sends them; to "
    "make Zoom send them now, change the meeting in Zoom and save it."
)
MISSING_TOPIC = _("its topic")
MISSING_JOIN_LINK = _("its join link")
MISSING_TYPE = _("its type")
MISSING_TIME = _("its time")
PAGE_DELETED = _("Its page was permanently deleted on the site.")
PAGE_DELETED_RECREATE = _(
    "Its page was permanently deleted on the site. You can recreate it on the meeting's page."
)
PAGE_CURRENT = _("Its page is up to date.")
CHOICE_REJECTED = _(
    "WordPress did not accept the author or the category from the settings, so the page was created without them "
    "(%(evidence)s). Choose others on the page Settings."
)

# Stored rules that could not be read.
RULES_INVALID = _("The stored rules could not be read. The default rules apply instead.")
RULE_OFF = _("The stored value of “%(name)s” is invalid, so it is off.")
RULE_STRICTEST = _("The stored value of “%(name)s” is invalid, so “%(value)s” applies.")
RULE_DEFAULT = _("The stored value of “%(name)s” is invalid, so the default applies.")
RULE_PARTIAL = _("The stored value of “%(name)s” is partly invalid, so only its valid part applies.")
RULE_EMPTY = _("The stored value of “%(name)s” is invalid, so it is empty.")

# Why an event is ignored, and what a batch of recordings led to.
EVENT_NOT_PROCESSED = _("The bridge does not process events of this type.")
EVENT_NO_MEETING = _("The event contains no meeting number.")
EVENT_NO_RECORDING = _("The event contains no recording.")
BATCH_ONE = _("It names 1 recording.")
BATCH_MANY = _("It names %(count)d recordings.")
BATCH_ONE_KNOWN = _("1 has an event of its own in the log of its meeting.")
BATCH_MANY_KNOWN = _("%(count)d have events of their own in the logs of their meetings.")
BATCH_ONE_PENDING = _("1 belongs to no known meeting yet and is pending until Zoom sends that meeting.")
BATCH_MANY_PENDING = _(
    "%(count)d belong to no known meeting yet and are pending until Zoom sends those meetings."
)

# Why a request was refused.
NO_SECRET = _(
    "No secret token is saved for this endpoint yet. Copy it from your app in the Zoom App Marketplace "
    "(Features > Access > Secret Token) to the page Webhooks."
)
NO_SECRET_TO_VALIDATE = _(
    "Zoom asks to validate this endpoint, which requires the secret token. Copy it from your app in the Zoom App "
    "Marketplace (Features > Access > Secret Token) to the page Webhooks."
)
NOT_SIGNED = _("The request carries neither Zoom's signature nor its verification token.")
NO_SECRET_TO_CHECK = _("The request is signed, but no secret token is saved to verify it with.")
WRONG_VERIFICATION_TOKEN = _(
    "The request's verification token differs from the one saved here. Copy it again from your app in the Zoom App "
    "Marketplace (Features > Access), or better, save the secret token."
)
WRONG_SECRET = _(
    "Zoom signed this with a different secret token than the one saved here, or the request was changed on its way. "
    "Copy the secret token again from your app in the Zoom App Marketplace (Features > Access > Secret Token)."
)
SIGNED_LONG_AGO = _(
    "The request was signed %(seconds)d seconds ago; %(allowed)d are allowed. Check the clock of the bridge's machine."
)
SIGNED_IN_FUTURE = _(
    "The request was signed %(seconds)d seconds ahead of this clock; %(allowed)d are allowed. Check the clock of the "
    "bridge's machine."
)
OTHER_ACCOUNT = _("The request is signed with the secret of another Zoom account than %(account)s.")

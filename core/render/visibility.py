"""The fields of a meeting that visitors may see under a site's rules. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.model.rules import LONGEST_NAME, JoinLink, Passcode
from core.render.text import clean, web_address
from core.zoom.join_link import public_text, without_passcode

if TYPE_CHECKING:
    from core.model.meeting import Meeting
    from core.model.rules import Rules

LONGEST_PASSCODE = 100
"""Maximum characters; Zoom allows 10."""


@dataclass(frozen=True, slots=True)
class VisibleFields:
    """Fields shown while the meeting can be joined; empty ones are hidden.

    `passcode_may_be` is the rule for the passcode, also where no link is shown. `signed_in`: link and passcode are for
    visitors who are signed in to the site.
    """

    join_url: str = ""
    passcode: str = ""
    passcode_may_be: Passcode = Passcode.HIDDEN
    signed_in: bool = False
    host: str = ""


NOTHING = VisibleFields()


def visible_fields(meeting: Meeting, rules: Rules, *, host_name: str = "") -> VisibleFields:
    """Return the visible fields of `meeting`. A passcode is only shown with the link: alone it is useless.

    `host_name` is the host's display name at Zoom; the name of the author that the rules map the host to overrides it.
    """
    author = rules.author_of(meeting)
    host = clean((author.name if author else "") or host_name)[:LONGEST_NAME] if rules.show_host else ""
    if rules.join_link is JoinLink.NOBODY:
        return VisibleFields(host=host)
    url = web_address(meeting.join_url)
    return VisibleFields(
        join_url=without_passcode(url, meeting.password) if rules.passcode is Passcode.HIDDEN else url,
        passcode=clean(meeting.password)[:LONGEST_PASSCODE] if rules.passcode is Passcode.SHOWN else "",
        passcode_may_be=rules.passcode,
        signed_in=rules.join_link is JoinLink.SIGNED_IN,
        host=host,
    )


def with_public_texts(meeting: Meeting, rules: Rules) -> Meeting:
    """Return `meeting` with topic and agenda as visitors may read them.

    Hosts paste whole invitations there. Everybody reads both, also where only some visitors see the link.
    """
    is_shown = rules.join_link is JoinLink.EVERYBODY
    texts = {
        name: public_text(
            value,
            meeting.password,
            show_link=is_shown,
            link_passcode=rules.passcode is not Passcode.HIDDEN,
            show_passcode=is_shown and rules.passcode is Passcode.SHOWN,
        )
        for name in ("topic", "agenda")
        if isinstance(value := meeting.object.get(name), str)
    }
    return replace(meeting, object={**meeting.object, **texts})

"""The events to subscribe to in Zoom, as the Zoom App Marketplace lists them.

They are there under Add Events of an event subscription: on the page Features > Access of a General app
(https://developers.zoom.us/docs/api/webhooks), on the page Feature of a Server-to-Server OAuth app
(https://developers.zoom.us/docs/internal-apps/create/). Zoom's reference names them so
(https://marketplace.zoom.us/docs/api-reference/webhook-reference: "… subscription enabled under the … event"). Where
its label is not known, an event has its name only. Conversions:
https://developers.zoom.us/changelog/meetings/september-15-2025. That events need matching scopes, with the one of
`recording.completed`: zoom.md (the facts collected with the project), Found later.
"""

from __future__ import annotations

# By what Zoom lists them under: the words there, and the event's name.
EventGroups = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]

ALWAYS: EventGroups = (
    (
        "Meeting",
        (
            ("Meeting has been created", "meeting.created"),
            ("Meeting has been updated", "meeting.updated"),
            ("Meeting has been deleted", "meeting.deleted"),
            ("Meeting has been recovered", "meeting.recovered"),
            ("Meeting has been permanently deleted", "meeting.permanently_deleted"),
            ("Start Meeting", "meeting.started"),
            ("End Meeting", "meeting.ended"),
            ("", "meeting.converted_to_webinar"),
        ),
    ),
    (
        "Webinar",
        (
            ("Webinar has been created", "webinar.created"),
            ("Webinar has been updated", "webinar.updated"),
            ("Webinar has been deleted", "webinar.deleted"),
            ("Webinar has been recovered", "webinar.recovered"),
            ("Webinar has been permanently deleted", "webinar.permanently_deleted"),
            ("Start Webinar", "webinar.started"),
            ("End Webinar", "webinar.ended"),
            ("", "webinar.converted_to_meeting"),
        ),
    ),
    (
        "User",
        (
            ("", "user.deleted"),
            ("", "user.disassociated"),
            ("User has been deactivated", "user.deactivated"),
            ("", "user.updated"),
        ),
    ),
)
RECORDINGS: EventGroups = (
    (
        "Recording",
        (
            ("All Recordings have completed", "recording.completed"),
            ("", "recording.trashed"),
            ("", "recording.deleted"),
            ("", "recording.recovered"),
            ("", "recording.batch_trashed"),
            ("", "recording.batch_deleted"),
            ("", "recording.batch_recovered"),
        ),
    ),
)
REGISTRATIONS: EventGroups = (
    (
        "Meeting",
        (
            ("Meeting Registration has been created", "meeting.registration_created"),
            ("", "meeting.registration_approved"),
            ("", "meeting.registration_denied"),
            ("", "meeting.registration_cancelled"),
        ),
    ),
    (
        "Webinar",
        (
            ("", "webinar.registration_created"),
            ("", "webinar.registration_approved"),
            ("", "webinar.registration_denied"),
            ("", "webinar.registration_cancelled"),
        ),
    ),
)
SUBSCRIPTION = {"always": ALWAYS, "recordings": RECORDINGS, "registrations": REGISTRATIONS}

"""What Zoom's refusals mean."""

import json
from datetime import UTC, datetime

import pytest

from core.errors import (
    ZoomCredentialsError,
    ZoomGoneError,
    ZoomLimitError,
    ZoomPageError,
    ZoomRestError,
    ZoomScopeError,
    ZoomUnreachableError,
    ZoomWebinarError,
)
from core.zoom.rest_errors import error_for

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


def refused(status: int, document: object = None, *, paged: bool = False, **headers: str) -> ZoomRestError:
    body = b"" if document is None else json.dumps(document).encode()
    return error_for(
        status,
        {name.replace("_", "-"): value for name, value in headers.items()},
        body,
        path="/meetings/1",
        paged=paged,
        now=NOON,
    )


class TestRefusal:
    @pytest.mark.parametrize(
        ("status", "document", "kind"),
        [
            (404, {"code": 3001, "message": "Meeting 1 is not found or has expired."}, ZoomGoneError),
            (404, {"code": 1001, "message": "User not exist: x."}, ZoomGoneError),
            (400, {"code": 1010, "message": "User not found on this account"}, ZoomGoneError),
            (404, None, ZoomGoneError),
            (400, {"code": 3000, "message": "Cannot access webinar info."}, ZoomWebinarError),
            (401, {"code": 124, "message": "Invalid access token."}, ZoomCredentialsError),
            (400, {"code": 124, "message": "Access token is expired."}, ZoomCredentialsError),
            (500, None, ZoomUnreachableError),
            (503, {"message": "busy"}, ZoomUnreachableError),
            (400, {"code": 300, "message": "Missing field."}, ZoomRestError),
        ],
    )
    def test_tells_kinds_apart(self, status: int, document: object, kind: type[ZoomRestError]) -> None:
        error = refused(status, document)
        assert type(error) is kind
        assert error.status == status

    def test_a_stale_page_is_one_only_where_a_page_was_asked_for(self) -> None:
        document = {"code": 300, "message": "The next page token is invalid or expired."}
        assert type(refused(400, document, paged=True)) is ZoomPageError
        assert type(refused(400, document)) is ZoomRestError

    def test_names_the_scope_that_is_missing(self) -> None:
        said = "Invalid access token, does not contain scopes:[meeting:read:meeting:admin, meeting:read:meeting]."
        error = refused(400, {"code": 4711, "message": said})
        assert isinstance(error, ZoomScopeError)
        assert error.scopes == ("meeting:read:meeting:admin", "meeting:read:meeting")
        assert "Add meeting:read:meeting:admin" in str(error)

    def test_a_missing_scope_without_a_name_still_says_where_to_look(self) -> None:
        error = refused(400, {"code": 4700, "message": "Invalid access token."})
        assert isinstance(error, ZoomScopeError)
        assert "under Scopes" in str(error)

    def test_what_is_no_json_is_no_reason_to_break(self) -> None:
        error = error_for(502, {}, b"<html>Bad Gateway", path="/users", paged=False, now=NOON)
        assert isinstance(error, ZoomUnreachableError)


class TestLimits:
    def test_per_second_waits_a_second(self) -> None:
        said = {"code": 429, "message": "You have reached the maximum per-second rate limit for this API."}
        error = refused(429, said, X_RateLimit_Type="Per-second-limit")
        assert isinstance(error, ZoomLimitError)
        assert (error.daily, error.wait) == (False, 1.0)

    def test_seconds_are_obeyed(self) -> None:
        error = refused(429, Retry_After="7")
        assert isinstance(error, ZoomLimitError)
        assert error.wait == 7

    def test_a_date_is_obeyed(self) -> None:
        error = refused(429, X_RateLimit_Type="Daily-limit", Retry_After="2026-03-03T18:00:00Z")
        assert isinstance(error, ZoomLimitError)
        assert (error.daily, error.wait) == (True, 6 * 3600)

    def test_a_daily_limit_without_a_date_ends_at_midnight_gmt(self) -> None:
        error = refused(429, {"code": 429, "message": "You have exceeded the daily rate limit (100)"})
        assert isinstance(error, ZoomLimitError)
        assert (error.daily, error.wait) == (True, 12 * 3600)
        assert "midnight GMT" in str(error)

    @pytest.mark.parametrize("value", ["2026-03-01T00:00:00Z", "99999999999", "soon", "9999-12-31T00:00:00Z"])
    def test_waits_are_bounded(self, value: str) -> None:
        error = refused(429, Retry_After=value)
        assert isinstance(error, ZoomLimitError)
        assert 0 <= error.wait <= 24 * 3600

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


def refused(
    status: int,
    document: object = None,
    *,
    path: str = "/meetings/1",
    paged: bool = False,
    **headers: str,
) -> ZoomRestError:
    body = b"" if document is None else json.dumps(document).encode()
    return error_for(
        status,
        {name.replace("_", "-"): value for name, value in headers.items()},
        body,
        path=path,
        paged=paged,
        now=NOON,
    )


class TestGone:
    """Only 404 with code 3001 and its message says that a meeting does not exist, and only of the number that was read."""

    @pytest.mark.parametrize(
        ("path", "said"),
        [
            ("/meetings/91000000001", "Meeting 91000000001 is not found or has expired."),
            ("/meetings/91000000001", "Meeting does not exist: 91000000001."),
            ("/meetings/91000000001", "Meeting does not exist."),
            ("/webinars/91000000001", "Webinar 91000000001 not found or has expired."),
            ("/webinars/91000000001", "Webinar does not exist: 91000000001."),
        ],
    )
    def test_says_so_of_this_number(self, path: str, said: str) -> None:
        assert type(refused(404, {"code": 3001, "message": said}, path=path)) is ZoomGoneError

    @pytest.mark.parametrize(
        ("status", "document"),
        [
            (403, {"code": 3001, "message": "Meeting 91000000001 is not found or has expired."}),
            (400, {"code": 3001, "message": "Meeting 91000000001 is not found or has expired."}),
            (404, {"code": 3001, "message": "Meeting 92000000002 is not found or has expired."}),
            (404, {"code": 3001, "message": "Meeting ID is invalid or not end."}),
            (404, {"code": 3001, "message": "This webinar id does not belong to you:91000000001."}),
            (404, {"code": 3001}),
            (404, {"code": "3001", "message": "Meeting 91000000001 is not found or has expired."}),
            (404, {"message": "Meeting 91000000001 is not found or has expired."}),
            (404, {"code": 300, "message": "Meeting 91000000001 is not found or has expired."}),
            (404, {"code": 1001, "message": "User not exist: x."}),
            (400, {"code": 1001, "message": "User does not exist: x."}),
            (400, {"code": 1010, "message": "User not found on this account: x."}),
            (404, {"code": 1010, "message": "User does not belong to this account: x."}),
            (404, {"code": 2300, "message": "This API endpoint is not recognized."}),
            (400, {"code": 3161, "message": "Meeting hosting and scheduling capabilities are not allowed."}),
            (400, {"code": 200, "message": "Webinar plan is missing."}),
            (400, {"code": 300, "message": "Invalid webinar ID."}),
            (403, {"code": 200, "message": "No permission."}),
            (404, {"message": "no Route matched with those values"}),
        ],
    )
    @pytest.mark.parametrize("path", ["/meetings/91000000001", "/webinars/91000000001"])
    def test_says_nothing_of_it(self, status: int, document: object, path: str) -> None:
        assert type(refused(status, document, path=path)) is ZoomRestError

    @pytest.mark.parametrize("status", [301, 400, 403, 404, 407, 418])
    @pytest.mark.parametrize(
        "body", [b"", b"<html>Meeting 91000000001 is not found or has expired.", b"[]", b"{}"]
    )
    def test_a_proxy_says_nothing_of_it(self, status: int, body: bytes) -> None:
        error = error_for(status, {}, body, path="/meetings/91000000001", paged=False, now=NOON)
        assert type(error) is ZoomUnreachableError
        assert "proxy" in str(error)

    def test_lists_have_no_meeting_that_could_be_gone(self) -> None:
        said = {"code": 3001, "message": "Meeting does not exist."}
        assert type(refused(404, said, path="/users/u/meetings")) is ZoomRestError


class TestRefusal:
    @pytest.mark.parametrize(
        ("status", "document", "kind"),
        [
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

    @pytest.mark.parametrize(
        ("code", "path", "step"),
        [
            (1001, "/users/u/meetings", "transfer or delete their meetings"),
            (1010, "/meetings/91000000001", "transfer or delete their meetings"),
            (3161, "/users/u/meetings", "Assign the user a license"),
            (200, "/users/u/webinars", "assign the user a webinar license"),
            (300, "/webinars/91000000001", "Look for the webinar in Zoom"),
            (2300, "/meetings/91000000001", "The next reconciliation tries again"),
        ],
    )
    def test_says_the_next_step(self, code: int, path: str, step: str) -> None:
        assert step in str(refused(400, {"code": code, "message": "No."}, path=path))

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
        assert "2026-03-04 00:00 UTC" in str(error)

    def test_a_date_without_a_type_is_daily(self) -> None:
        error = refused(429, Retry_After="2026-03-03T18:00:00Z")
        assert isinstance(error, ZoomLimitError)
        assert (error.daily, error.wait) == (True, 6 * 3600)

    def test_qps_is_per_second(self) -> None:
        error = refused(429, {"code": 429, "message": "Not the daily limit."}, X_RateLimit_Type="QPS")
        assert isinstance(error, ZoomLimitError)
        assert (error.daily, error.wait) == (False, 1.0)

    @pytest.mark.parametrize(
        "value", ["2026-03-01T00:00:00Z", "0", "99999999999", "soon", "9999-12-31T00:00:00Z"]
    )
    def test_waits_are_bounded(self, value: str) -> None:
        error = refused(429, Retry_After=value)
        assert isinstance(error, ZoomLimitError)
        assert 1 <= error.wait <= 24 * 3600

    def test_a_daily_limit_that_is_over_by_this_clock_alone_waits_a_minute(self) -> None:
        error = refused(429, X_RateLimit_Type="Daily-limit", Retry_After="2026-03-03T11:57:00Z")
        assert isinstance(error, ZoomLimitError)
        assert (error.daily, error.wait) == (True, 60)

"""What may be shown of a request."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.zoom.masking import HIDDEN, MOST_CHARACTERS, mask_body, mask_headers, mask_value
from tests.core.events import JSON, SECRET, event, raw, sample_files, signed

SECRETS = (
    "start_url",
    "password",
    "h323_password",
    "pstn_password",
    "encrypted_password",
    "recording_play_passcode",
    "plainToken",
    "encryptedToken",
    "download_token",
    "download_access_token",
    "host_key",
    "client_secret",
    "pwd",
)


class TestBody:
    @pytest.mark.parametrize("name", SECRETS)
    def test_hides_what_is_secret_by_its_name_wherever_it_stands(self, name: str) -> None:
        for document in (
            {name: "opens-it"},
            {"payload": {"object": {"settings": {name: "opens-it"}}}},
            {"list": [{name: ["opens-it", {"x": 12345678}]}]},
        ):
            shown = mask_body(raw(document), passcodes=True)
            assert "opens-it" not in shown
            assert "12345678" not in shown
            assert HIDDEN in shown
            assert name in shown

    def test_hides_the_key_to_the_hosts_account_inside_text(self) -> None:
        shown = mask_body(
            raw(event(agenda="Host: https://zoom.us/s/1?zak=KEY.abc_1&x=1 soon")), passcodes=True
        )
        assert "KEY" not in shown
        assert "&x=1 soon" in shown

    @pytest.mark.parametrize("times", [1, 2, 3])
    def test_hides_it_in_links_within_links(self, times: int) -> None:
        link = "https://zoom.us/s/1?x=1&zak=KEY.abc_1&tk=REGISTRANT&pwd=PASS"
        for _ in range(times):
            link = quote(link, safe="")
        shown = mask_body(raw(event(agenda=f"https://mail.example/?to={link} soon")), passcodes=False)
        assert [word for word in ("KEY", "REGISTRANT", "PASS") if word in shown] == []
        assert " soon" in shown

    def test_hides_a_passcode_in_texts_from_who_may_only_look(self) -> None:
        told = raw(event(password="s3cret", agenda="Join with s3cret, please", topic="s3cret"))
        assert "s3cret" not in mask_body(told, passcodes=False)
        assert "Join with s3cret" in mask_body(told, passcodes=True)

    def test_hides_passcodes_in_links_from_who_may_only_look(self) -> None:
        told = raw(event(join_url="https://us02web.zoom.us/j/1?pwd=Abc.1&tk=registrant"))
        shown = mask_body(told, passcodes=False)
        assert "Abc.1" not in shown
        assert f"pwd={HIDDEN}" in shown
        assert "Abc.1" in mask_body(told, passcodes=True)
        assert "registrant" not in mask_body(told, passcodes=True)

    def test_leaves_what_is_none_and_what_is_no_secret(self) -> None:
        told = {"password": "", "token": None, "passwordless": True, "topic": "Choir ♫", "id": 853}
        assert json.loads(mask_body(raw(told), passcodes=False)) == told

    def test_is_laid_out_for_people(self) -> None:
        assert mask_body(b'{"a":{"b":"\xc3\xbc"}}', passcodes=False) == '{\n  "a": {\n    "b": "ü"\n  }\n}'

    def test_of_what_is_not_json_hides_what_it_can(self) -> None:
        shown = mask_body(b"see https://zoom.us/s/1?zak=KEY\xff", passcodes=False)
        assert "KEY" not in shown

    @pytest.mark.parametrize(
        "body",
        [
            b'{"start_url":"https://zoom.us/s/1?x=KEY","x":NaN',
            b'{"start_url" : "KEY',
            b'{"a":[{"h323_passcode": "a\\"KEY"},',
            b'{"download_token":KEY,',
            b'{"password":\t"KEY\n and more KEY"',
            b'{"host_key": -KEY} {"Passcode":"KEY"}',
            b'{"plainToken":"KEY"' + b"[" * 100_000,
        ],
    )
    def test_of_what_is_not_json_hides_the_secret_fields(self, body: bytes) -> None:
        """Authentic requests that cannot be read are shown, too."""
        assert "KEY" not in mask_body(body, passcodes=True)

    @pytest.mark.parametrize(
        "body",
        [b"\x1b[2J\x00\x07", b'{"topic":"\\u001b[2J"}', "\x9b31m\u202e\u2066\x7f".encode(),
         '{"topic":"\u202e\x85\u2028"}'.encode(), b'{"topic":"\\ud800 \\udc00"}', b"\xff\xfe{\xed\xa0\x80}", b"a\rb"],
    )  # fmt: skip
    def test_shows_no_character_that_commands_a_terminal_or_a_line(self, body: bytes) -> None:
        shown = mask_body(body, passcodes=True)
        assert shown.replace("\n", "").isprintable()
        assert shown.encode("utf-8")

    def test_is_not_without_end(self) -> None:
        shown = mask_body(raw({"topic": "x" * (MOST_CHARACTERS + 10)}), passcodes=False)
        assert len(shown) < MOST_CHARACTERS + 10
        assert shown.endswith("…")

    def test_of_every_sample_shows_no_start_url_and_no_token(self) -> None:
        for path in sample_files():
            shown = mask_body(path.read_bytes(), passcodes=False)
            assert "zak=" not in shown.replace(f"zak={HIDDEN}", "")
            for name in ("start_url", "plainToken", "encryptedToken", "password"):
                for line in shown.splitlines():
                    if f'"{name}":' in line:
                        assert HIDDEN in line or line.rstrip(",").endswith(('""', "null", "true", "false"))


class TestMasked:
    @given(JSON, st.booleans())
    def test_keeps_the_shape_of_anything(self, value: Any, passcodes: bool) -> None:
        shown = mask_value(value, passcodes=passcodes)
        assert type(shown) is type(value) or shown == HIDDEN
        json.dumps(shown)

    def test_follows_no_endless_depth(self) -> None:
        value: Any = "KEY"
        for _ in range(500):
            value = [value]
        assert "KEY" not in str(mask_value(value, passcodes=True))


class TestHeaders:
    def test_hide_what_proves_who_sent_it(self) -> None:
        given = signed(b"{}") | {"authorization": SECRET, "cookie": "session=1", "x-api-token": "t0ken"}
        shown = mask_headers(given)
        signature = given["x-zm-signature"]
        assert shown["x-zm-signature"] == HIDDEN + signature[-4:]
        assert shown["authorization"] == shown["cookie"] == shown["x-api-token"] == HIDDEN
        assert shown["x-zm-request-timestamp"] == given["x-zm-request-timestamp"]
        assert signature not in str(shown)

    def test_are_in_the_order_of_their_names(self) -> None:
        assert list(mask_headers({"b": "1", "a": "2"})) == ["a", "b"]

    def test_show_nothing_of_a_signature_that_is_short(self) -> None:
        assert mask_headers({"x-zm-signature": "abcd"}) == {"x-zm-signature": HIDDEN}

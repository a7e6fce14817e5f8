"""A link for a new password, by the mail server of the alerts."""

import email
import email.policy
import re
import threading
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from core.auth.passwords import Passwords
from core.auth.service import AuthService
from core.errors import LinkExpiredError, UserError
from core.monitoring.notify import setup
from core.monitoring.notify.password_mail import PasswordMailer
from core.monitoring.notify.setup import NewChannel
from core.store import audit
from core.store.alerts import channels
from core.store.alerts.channels import ChannelKind
from core.store.audit import Action, AuditFilter
from core.store.auth.one_time_links import BY_MAIL, Purpose
from core.store.auth.users import Role
from core.store.db import settings
from core.store.db.engine import Store
from tests.core.clock import Clock
from tests.mail_server import MailServer

ANNA = "anna@example.org"
PASSWORD = "four words in a row"
ANOTHER = "five other words in a row"
BRIDGE = "https://bridge.example.org"
pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"])


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def mailer(store: Store, server: MailServer, clock: Clock) -> Iterator[PasswordMailer]:
    """With a mail server, the bridge's address, and a user whose name is an e-mail address."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    auth = AuthService(store, Passwords(hasher), clock)
    auth.add(ANNA, Role.VIEWER, PASSWORD)
    made = PasswordMailer(auth)
    assert not made.is_available()
    add_server(store, server)
    assert not made.is_available(), "a request's own address could be anybody's"
    store.write(lambda connection: settings.save_public_url(connection, BRIDGE))
    assert made.is_available()
    yield made
    made.stop()


def add_server(store: Store, server: MailServer) -> None:
    channel = NewChannel(
        "ops",
        ChannelKind.EMAIL,
        host="127.0.0.1",
        port=str(server.port),
        security="none",
        sender="bridge@example.org",
        recipients="ops@example.org",
    )
    setup.add(store, channel)


def token_in(server: MailServer) -> str:
    """Return the token of the newest link."""
    message = email.message_from_bytes(server.received[-1].body, policy=email.policy.default)
    assert isinstance(message, email.message.EmailMessage)
    [token] = re.findall(rf"{BRIDGE}/password\?token=(\S+)", message.get_content())
    assert token not in str(message["Subject"])
    return str(token)


class TestLink:
    def test_goes_to_the_user_alone_works_once_and_ends_what_there_is(
        self, mailer: PasswordMailer, server: MailServer
    ) -> None:
        auth = mailer.auth
        before = auth.sign_in(ANNA, PASSWORD)
        assert before is not None
        assert mailer.send(" Anna@Example.org ", "en")
        [got] = server.received
        assert got.recipients == [ANNA]
        token = token_in(server)
        assert auth.session(before) is not None, "asking changes nothing"
        auth.choose_password(token, ANOTHER)
        assert auth.session(before) is None
        assert (auth.sign_in(ANNA, PASSWORD), auth.sign_in(ANNA, ANOTHER) is None) == (None, False)
        with pytest.raises(LinkExpiredError):
            auth.choose_password(token, PASSWORD)
        with auth.store.reading() as connection:
            listed = audit.page(connection, AuditFilter(), limit=50).entries
        assert {Action.USER_LINK, Action.USER_PASSWORD} <= {entry.action for entry in listed}

    @pytest.mark.parametrize("typed", ["otto", " Otto@Example.org "])
    def test_goes_to_the_saved_address(self, mailer: PasswordMailer, server: MailServer, typed: str) -> None:
        mailer.auth.add("otto", Role.VIEWER, PASSWORD)
        mailer.auth.email_addresses.change("otto", "otto@example.org")
        assert mailer.send(typed, "en")
        [got] = server.received
        assert got.recipients == ["otto@example.org"]
        link = mailer.auth.find_link(Purpose.PASSWORD, token_in(server))
        assert link is not None
        assert link.name == "otto"

    def test_goes_to_the_saved_address_instead_of_the_name(
        self, mailer: PasswordMailer, server: MailServer
    ) -> None:
        mailer.auth.email_addresses.change(ANNA, "anna@elsewhere.example.org")
        assert mailer.send(ANNA, "en")
        assert server.received[0].recipients == ["anna@elsewhere.example.org"]

    def test_does_not_go_to_an_address_that_is_anothers_name(self, mailer: PasswordMailer) -> None:
        mailer.auth.add("otto", Role.VIEWER, PASSWORD)
        with pytest.raises(UserError):
            mailer.auth.email_addresses.change("otto", ANNA)

    def test_goes_to_who_has_the_name_where_another_has_saved_it(
        self, mailer: PasswordMailer, server: MailServer
    ) -> None:
        mailer.auth.email_addresses.change(ANNA, "otto@example.org")
        mailer.auth.add("otto@example.org", Role.VIEWER, PASSWORD)
        assert mailer.send("otto@example.org", "en")
        link = mailer.auth.find_link(Purpose.PASSWORD, token_in(server))
        assert link is not None
        assert link.name == "otto@example.org"

    def test_is_invalid_once_the_address_has_changed(
        self, mailer: PasswordMailer, server: MailServer
    ) -> None:
        """Whoever reads the old mailbox may be the reason."""
        given = mailer.auth.link(ANNA, Purpose.PASSWORD)
        assert mailer.send(ANNA, "en")
        mailer.auth.email_addresses.change(ANNA, "anna@elsewhere.example.org")
        with pytest.raises(LinkExpiredError):
            mailer.auth.choose_password(token_in(server), ANOTHER)
        assert mailer.auth.find_link(Purpose.PASSWORD, given) is not None, "no mailbox has it"

    def test_expires_after_an_hour(self, mailer: PasswordMailer, server: MailServer, clock: Clock) -> None:
        assert mailer.send(ANNA, "en")
        clock.now += BY_MAIL / 1000
        with pytest.raises(LinkExpiredError):
            mailer.auth.choose_password(token_in(server), ANOTHER)

    def test_leaves_the_link_of_an_administrator(self, mailer: PasswordMailer, server: MailServer) -> None:
        """Everybody can ask for one by mail."""
        given = mailer.auth.link(ANNA, Purpose.PASSWORD)
        assert mailer.send(ANNA, "en")
        assert mailer.send(ANNA, "en")
        assert mailer.auth.find_link(Purpose.PASSWORD, given) is not None
        mailer.auth.choose_password(token_in(server), ANOTHER)
        assert mailer.auth.find_link(Purpose.PASSWORD, given) is None, "a new password ends all links"

    @pytest.mark.parametrize(
        "name", ["otto@example.org", "otto", "", "anna@example.org\r\nBcc: x@example.org"]
    )
    def test_is_sent_to_nobody_else(self, mailer: PasswordMailer, server: MailServer, name: str) -> None:
        mailer.auth.add("otto", Role.VIEWER, PASSWORD)
        assert not mailer.send(name, "en")
        assert server.received == []

    def test_is_not_sent_by_a_server_that_is_paused(self, mailer: PasswordMailer, server: MailServer) -> None:
        store = mailer.auth.store
        with store.reading() as connection:
            [channel] = channels.list_all(connection, store.sealer)
        store.write(lambda connection: channels.pause(connection, channel, paused=True))
        assert not mailer.is_available()
        assert not mailer.send(ANNA, "en")
        assert server.received == []

    def test_is_sent_again_once_there_are_threads(
        self, mailer: PasswordMailer, server: MailServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", full)
        for _ in range(21):
            with pytest.raises(RuntimeError, match="new thread"):
                mailer.request("nobody", "en")
        monkeypatch.undo()
        mailer.request(ANNA, "en")
        mailer.stop()
        assert len(server.received) == 1

    def test_is_sent_in_the_background_and_a_failure_is_logged(
        self, mailer: PasswordMailer, server: MailServer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        server.replies["DATA"] = "554 No."
        mailer.request(ANNA, "en")
        mailer.request("otto@example.org", "en")
        mailer.stop()
        said = capsys.readouterr().out
        assert said.count("password_mail_failed") == 1
        assert "token" not in said

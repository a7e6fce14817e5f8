"""Who is let in."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select

from core.auth.devices import LIFETIME as LIFETIME_OF_DEVICE
from core.auth.passwords import Passwords
from core.auth.service import AuthService, canonical
from core.errors import LinkExpiredError, UserError
from core.sites.pairing_codes import issue_code, load_code
from core.store.auth import one_time_links, sessions
from core.store.auth.one_time_links import LIFETIME, Purpose
from core.store.auth.sessions import IDLE, LONGEST
from core.store.auth.users import Role
from core.store.db import schema
from core.store.db.engine import Store
from core.store.sites import sites
from core.store.sites.sites import Site
from tests.core.auth.test_passwords import Counting
from tests.core.clock import Clock

PASSWORD = "four words in a row"
ANOTHER = "five other words in a row"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hasher() -> Counting:
    return Counting()


@pytest.fixture
def auth_service(store: Store, hasher: Counting, clock: Clock) -> AuthService:
    return AuthService(store, Passwords(hasher), clock)


@pytest.fixture
def anna(auth_service: AuthService) -> str:
    return auth_service.add("anna", Role.ADMINISTRATOR, PASSWORD)


def name_of(auth_service: AuthService, session_token: str | None) -> str | None:
    session = auth_service.session(session_token) if session_token else None
    return session.name if session else None


class TestAdd:
    @pytest.mark.parametrize(
        ("given", "kept"), [(" Anna ", "anna"), ("\uff21nna", "anna"), ("a@b.org", "a@b.org")]
    )
    def test_keeps_one_form_of_a_name(self, auth_service: AuthService, given: str, kept: str) -> None:
        assert auth_service.add(given, Role.VIEWER, PASSWORD) == kept
        assert auth_service.sign_in(given, PASSWORD)
        assert canonical(given) == kept

    @pytest.mark.parametrize("name", ["", "a", "a b", "x" * 61, "a\nb", "<b>", "a/b", "ab\u202e"])
    def test_refuses_what_is_no_name(self, auth_service: AuthService, name: str) -> None:
        with pytest.raises(UserError, match="letters"):
            auth_service.add(name, Role.VIEWER, PASSWORD)

    def test_refuses_a_bad_password(self, auth_service: AuthService) -> None:
        with pytest.raises(UserError) as refused:
            auth_service.add("anna", Role.VIEWER, "short")
        assert refused.value.field == "password"
        assert auth_service.users() == []

    def test_refuses_a_name_that_is_taken(self, auth_service: AuthService, anna: str) -> None:
        with pytest.raises(UserError, match="already"):
            auth_service.add("Anna", Role.VIEWER, ANOTHER)
        assert auth_service.sign_in("anna", PASSWORD)


class TestSignIn:
    def test_with_the_right_password(self, auth_service: AuthService, anna: str, clock: Clock) -> None:
        session_token = auth_service.sign_in("Anna", PASSWORD)
        assert name_of(auth_service, session_token) == "anna"
        assert auth_service.users()[0].last_seen_at == int(clock() * 1000)

    @pytest.mark.parametrize(
        ("name", "password"), [("anna", ANOTHER), ("nobody", PASSWORD), ("", ""), ("anna", "")]
    )
    def test_with_no_other(
        self, auth_service: AuthService, anna: str, hasher: Counting, name: str, password: str
    ) -> None:
        """And a name that does not exist costs the same work as one that does."""
        before = hasher.verified
        assert auth_service.sign_in(name, password) is None
        assert hasher.verified == before + 1

    def test_makes_a_new_word_each_time_and_ends_the_one_before(
        self, auth_service: AuthService, anna: str
    ) -> None:
        planted = auth_service.sign_in("anna", PASSWORD)
        assert planted is not None
        session_token = auth_service.sign_in("anna", PASSWORD, instead_of=planted)
        assert session_token != planted
        assert name_of(auth_service, planted) is None
        assert name_of(auth_service, session_token) == "anna"

    def test_is_not_possible_without_a_password(self, auth_service: AuthService) -> None:
        auth_service.add("luke", Role.VIEWER)
        for given in ("", "!", PASSWORD):
            assert auth_service.sign_in("luke", given) is None

    def test_makes_a_hash_stronger_that_is_outdated(
        self, store: Store, auth_service: AuthService, anna: str
    ) -> None:
        before = auth_service.users()[0].password
        stronger = AuthService(store, Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)))
        assert stronger.sign_in("anna", PASSWORD)
        assert auth_service.users()[0].password != before
        assert "t=2" in auth_service.users()[0].password
        assert stronger.sign_in("anna", PASSWORD)

    def test_fails_where_the_password_was_changed_meanwhile(
        self, store: Store, auth_service: AuthService, anna: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        matches = auth_service.passwords.matches

        def and_then_it_changes(kept: str | None, password: str) -> bool:
            right = matches(kept, password)
            AuthService(store, Passwords(Counting())).set_password("anna", ANOTHER)
            return right

        monkeypatch.setattr(auth_service.passwords, "matches", and_then_it_changes)
        assert auth_service.sign_in("anna", PASSWORD) is None


class TestSession:
    def test_is_known_to_every_process(
        self, store: Store, auth_service: AuthService, anna: str, clock: Clock
    ) -> None:
        session_token = auth_service.sign_in("anna", PASSWORD)
        assert name_of(AuthService(store, clock=clock), session_token) == "anna"

    def test_lasts_longer_for_being_used(self, auth_service: AuthService, anna: str, clock: Clock) -> None:
        session_token = auth_service.sign_in("anna", PASSWORD)
        begun = clock()
        while name_of(auth_service, session_token):
            auth_service.store.write(lambda connection: None)  # what it has asked to be written is
            clock.now += IDLE / 1000 - 1
        lasted = (clock() - begun) * 1000
        assert LONGEST <= lasted < LONGEST + IDLE

    def test_ends_without_that(self, auth_service: AuthService, anna: str, clock: Clock) -> None:
        session_token = auth_service.sign_in("anna", PASSWORD)
        clock.now += IDLE / 1000
        assert name_of(auth_service, session_token) is None

    def test_ends_by_signing_out(self, auth_service: AuthService, anna: str) -> None:
        session_token, other = auth_service.sign_in("anna", PASSWORD), auth_service.sign_in("anna", PASSWORD)
        assert session_token is not None
        auth_service.sign_out(session_token)
        assert name_of(auth_service, session_token) is None
        assert name_of(auth_service, other) == "anna"


class TestPasswords:
    def test_of_ones_own_ends_all_other_sessions(self, auth_service: AuthService, anna: str) -> None:
        before = auth_service.sign_in("anna", PASSWORD)
        link = auth_service.link("anna", Purpose.SIGN_IN)
        session_token = auth_service.change_password("anna", PASSWORD, ANOTHER)
        assert name_of(auth_service, session_token) == "anna"
        assert name_of(auth_service, before) is None
        with pytest.raises(LinkExpiredError):
            auth_service.sign_in_by_link(Purpose.SIGN_IN, link)
        assert auth_service.sign_in("anna", PASSWORD) is None
        assert auth_service.sign_in("anna", ANOTHER)

    def test_of_ones_own_needs_the_present_one(self, auth_service: AuthService, anna: str) -> None:
        assert auth_service.change_password("anna", "a wrong password", ANOTHER) is None
        assert auth_service.change_password("nobody", PASSWORD, ANOTHER) is None
        assert auth_service.sign_in("anna", PASSWORD)

    def test_of_ones_own_needs_none_where_there_is_none(self, auth_service: AuthService) -> None:
        auth_service.add("luke", Role.VIEWER)
        assert auth_service.change_password("luke", "", PASSWORD)
        assert auth_service.sign_in("luke", PASSWORD)

    def test_is_refused_where_it_is_bad(self, auth_service: AuthService, anna: str) -> None:
        with pytest.raises(UserError):
            auth_service.change_password("anna", PASSWORD, "short")
        with pytest.raises(UserError):
            auth_service.set_password("anna", "short")
        assert auth_service.sign_in("anna", PASSWORD)

    def test_set_from_the_shell_ends_all_sessions(self, auth_service: AuthService, anna: str) -> None:
        session_token = auth_service.sign_in("anna", PASSWORD)
        auth_service.set_password("Anna", ANOTHER)
        assert name_of(auth_service, session_token) is None
        assert auth_service.sign_in("anna", ANOTHER)

    def test_of_nobody(self, auth_service: AuthService) -> None:
        with pytest.raises(UserError, match="no user"):
            auth_service.set_password("nobody", PASSWORD)


class TestFirst:
    def test_is_made_with_the_link_that_was_printed(self, auth_service: AuthService) -> None:
        session_token = auth_service.create_first(auth_service.invitation(), "Anna", PASSWORD)
        assert name_of(auth_service, session_token) == "anna"
        (anna,) = auth_service.users()
        assert anna.role is Role.ADMINISTRATOR

    def test_is_made_once(self, auth_service: AuthService) -> None:
        one, other = auth_service.invitation(), auth_service.invitation()
        auth_service.create_first(one, "anna", PASSWORD)
        for token in (one, other):
            with pytest.raises(LinkExpiredError):
                auth_service.create_first(token, "mallory", PASSWORD)
        with pytest.raises(UserError, match="already"):
            auth_service.invitation()
        assert len(auth_service.users()) == 1

    def test_is_made_once_by_many_at_the_same_moment(self, auth_service: AuthService) -> None:
        tokens = [auth_service.invitation() for _ in range(6)]

        def make(number: int) -> bool:
            try:
                auth_service.create_first(tokens[number], f"anna{number}", PASSWORD)
            except LinkExpiredError:
                return False
            return True

        with ThreadPoolExecutor(6) as pool:
            assert sum(pool.map(make, range(6))) == 1
        assert len(auth_service.users()) == 1

    def test_is_not_made_with_a_bad_password_which_leaves_the_link_good(
        self, auth_service: AuthService
    ) -> None:
        token = auth_service.invitation()
        with pytest.raises(UserError):
            auth_service.create_first(token, "anna", "short")
        assert auth_service.create_first(token, "anna", PASSWORD)

    def test_is_not_made_where_somebody_was_added_meanwhile(self, auth_service: AuthService) -> None:
        token = auth_service.invitation()
        auth_service.add("anna", Role.VIEWER, PASSWORD)
        with pytest.raises(LinkExpiredError):
            auth_service.create_first(token, "mallory", PASSWORD)


class TestLinks:
    def test_choose_a_password_once(self, auth_service: AuthService, anna: str) -> None:
        before = auth_service.sign_in("anna", PASSWORD)
        token = auth_service.link("anna", Purpose.PASSWORD)
        assert auth_service.sign_in("anna", PASSWORD), "the old one is good until a new one is chosen"
        session_token = auth_service.choose_password(token, ANOTHER)
        assert name_of(auth_service, session_token) == "anna"
        assert name_of(auth_service, before) is None
        assert auth_service.sign_in("anna", PASSWORD) is None
        with pytest.raises(LinkExpiredError):
            auth_service.choose_password(token, PASSWORD)

    def test_leave_a_bad_password_unchosen(self, auth_service: AuthService, anna: str) -> None:
        token = auth_service.link("anna", Purpose.PASSWORD)
        with pytest.raises(UserError):
            auth_service.choose_password(token, "short")
        assert auth_service.choose_password(token, ANOTHER)

    def test_let_in_once(self, auth_service: AuthService, anna: str) -> None:
        token = auth_service.link("anna", Purpose.SIGN_IN)
        assert name_of(auth_service, auth_service.sign_in_by_link(Purpose.SIGN_IN, token)) == "anna"
        with pytest.raises(LinkExpiredError):
            auth_service.sign_in_by_link(Purpose.SIGN_IN, token)

    @pytest.mark.parametrize("purpose", [Purpose.PASSWORD, Purpose.SIGN_IN])
    def test_are_over_at_their_time(
        self, auth_service: AuthService, anna: str, clock: Clock, purpose: Purpose
    ) -> None:
        token = auth_service.link("anna", purpose)
        clock.now += LIFETIME[purpose] / 1000
        assert auth_service.find_link(purpose, token) is None
        opens = (
            auth_service.sign_in_by_link
            if purpose is Purpose.SIGN_IN
            else lambda _, session_token: auth_service.choose_password(session_token, ANOTHER)
        )
        with pytest.raises(LinkExpiredError):
            opens(purpose, token)

    def test_end_with_the_user(self, auth_service: AuthService, anna: str) -> None:
        """Also where another of the same name comes after."""
        auth_service.add("bert", Role.ADMINISTRATOR, PASSWORD)
        tokens = {
            purpose: auth_service.link("anna", purpose) for purpose in (Purpose.PASSWORD, Purpose.SIGN_IN)
        }
        session_token = auth_service.sign_in("anna", PASSWORD)
        auth_service.remove("anna")
        auth_service.add("anna", Role.ADMINISTRATOR, ANOTHER)
        assert name_of(auth_service, session_token) is None
        for purpose, token in tokens.items():
            assert auth_service.find_link(purpose, token) is None

    def test_are_not_for_nobody(self, auth_service: AuthService) -> None:
        with pytest.raises(UserError):
            auth_service.link("nobody", Purpose.PASSWORD)


class TestFromWordPress:
    def test_sees_its_site_once(self, auth_service: AuthService, site: Site) -> None:
        token = auth_service.from_wordpress(site.id, "wanda")
        session = auth_service.session(auth_service.sign_in_by_link(Purpose.SITE, token))
        assert session is not None
        assert (session.name, session.role, session.site_id) == ("wanda", Role.ADMINISTRATOR, site.id)
        with pytest.raises(LinkExpiredError):
            auth_service.sign_in_by_link(Purpose.SITE, token)

    def test_is_over_in_a_minute(self, auth_service: AuthService, site: Site, clock: Clock) -> None:
        token = auth_service.from_wordpress(site.id, "wanda")
        clock.now += 60
        with pytest.raises(LinkExpiredError):
            auth_service.sign_in_by_link(Purpose.SITE, token)

    def test_is_good_for_no_other_door(self, auth_service: AuthService, site: Site, anna: str) -> None:
        token = auth_service.from_wordpress(site.id, "anna")
        with pytest.raises(LinkExpiredError):
            auth_service.sign_in_by_link(Purpose.SIGN_IN, token)
        with pytest.raises(LinkExpiredError):
            auth_service.choose_password(token, ANOTHER)

    def test_is_one_of_so_many(
        self, store: Store, auth_service: AuthService, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A site tells the names of its users, and could tell a new one each time."""
        for module in (sessions, one_time_links):
            monkeypatch.setattr(module, "MOST_OF_SITE", 3)
        for number in range(5):
            auth_service.from_wordpress(site.id, f"asks-{number}")
            auth_service.hold_link(auth_service.from_wordpress(site.id, f"holds-{number}"))
            token = auth_service.hold_link(auth_service.from_wordpress(site.id, f"user-{number}"))
            last = auth_service.sign_in_by_link(Purpose.ENTER, token)
        with store.reading() as connection:
            rows = [
                connection.scalar(select(func.count()).select_from(table))
                for table in (schema.sessions, schema.one_time_links)
            ]
        assert rows[0] == 3
        assert rows[1] in range(1, 7)
        assert name_of(auth_service, last) == "user-4"

    def test_sees_nothing_where_the_site_was_let_go(
        self, store: Store, auth_service: AuthService, site: Site
    ) -> None:
        token = auth_service.from_wordpress(site.id, "wanda")
        store.write(lambda connection: sites.remove(connection, site.id))
        assert auth_service.session(auth_service.sign_in_by_link(Purpose.SITE, token)) is None

    def test_does_not_end_with_a_user_of_that_name(
        self, auth_service: AuthService, site: Site, anna: str
    ) -> None:
        session_token = auth_service.sign_in_by_link(
            Purpose.SITE, auth_service.from_wordpress(site.id, "anna")
        )
        auth_service.set_password("anna", ANOTHER)
        assert name_of(auth_service, session_token) == "anna"


class TestPairingCodes:
    @pytest.mark.parametrize(
        "ends", [AuthService.remove, lambda auth, name: auth.set_role(name, Role.VIEWER)]
    )
    def test_end_with_the_right_to_add_sites(
        self, store: Store, auth_service: AuthService, anna: str, ends: Callable[[AuthService, str], None]
    ) -> None:
        """Whoever has kept a code could connect a site with it for a week."""
        auth_service.add("bert", Role.ADMINISTRATOR, PASSWORD)
        codes = {
            who: issue_code(store, bridge_url="https://bridge.example.org", requested_by=who)
            for who in (f"/{anna}", "/bert", f"s1/{anna}")
        }
        auth_service.set_role(anna, Role.ADMINISTRATOR)
        auth_service.set_password(anna, ANOTHER)
        assert [load_code(store, code.id, None) is None for code in codes.values()] == [False, False, False]
        ends(auth_service, anna)
        assert [load_code(store, code.id, None) is None for code in codes.values()] == [True, False, False]


class TestLastAdministrator:
    def test_stays_one(self, auth_service: AuthService, anna: str) -> None:
        auth_service.add("luke", Role.VIEWER, PASSWORD)
        auth_service.add("bert", Role.ADMINISTRATOR)  # who cannot sign in yet
        with pytest.raises(UserError, match="only administrator"):
            auth_service.remove("Anna")
        with pytest.raises(UserError, match="only administrator"):
            auth_service.set_role("Anna", Role.VIEWER)
        assert auth_service.users()[0].role is Role.ADMINISTRATOR

    def test_may_go_when_there_is_another(self, auth_service: AuthService, anna: str) -> None:
        auth_service.add("bert", Role.ADMINISTRATOR, PASSWORD)
        auth_service.set_role("anna", Role.VIEWER)
        auth_service.remove("anna")
        assert [user.name for user in auth_service.users()] == ["bert"]

    def test_stays_where_two_remove_each_other(self, auth_service: AuthService, anna: str) -> None:
        auth_service.add("bert", Role.ADMINISTRATOR, PASSWORD)

        def remove(name: str) -> bool:
            try:
                auth_service.remove(name)
            except UserError:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            assert sum(pool.map(remove, ("anna", "bert"))) == 1

    def test_does_not_keep_lookers(self, auth_service: AuthService, anna: str) -> None:
        auth_service.add("luke", Role.VIEWER, PASSWORD)
        auth_service.remove("luke")
        with pytest.raises(UserError, match="no user"):
            auth_service.remove("luke")


class TestGuessedLinks:
    def test_write_nothing(
        self, auth_service: AuthService, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A flood of them costs the database, which is needed for Zoom's events, not one write."""
        monkeypatch.setattr(store, "write", lambda _: pytest.fail("written"))
        for guess in ("", "x", "é", "x" * 10_000):
            with pytest.raises(LinkExpiredError):
                auth_service.hold_link(guess)
            for purpose in (Purpose.SIGN_IN, Purpose.SITE, Purpose.ENTER):
                with pytest.raises(LinkExpiredError):
                    auth_service.sign_in_by_link(purpose, guess)


class TestHeldLink:
    def test_is_used_once_by_who_has_it(self, auth_service: AuthService, site: Site) -> None:
        token = auth_service.from_wordpress(site.id, "wanda")
        held = auth_service.hold_link(token)
        assert held != token
        with pytest.raises(LinkExpiredError):
            auth_service.hold_link(token)
        with pytest.raises(LinkExpiredError):
            auth_service.sign_in_by_link(Purpose.SITE, token)
        found = auth_service.find_link(Purpose.ENTER, held)
        assert found is not None
        assert (found.name, found.site_id, found.site_name) == ("wanda", site.id, site.name)
        session = auth_service.session(auth_service.sign_in_by_link(Purpose.ENTER, held))
        assert session is not None
        assert (session.name, session.site_id) == ("wanda", site.id)
        with pytest.raises(LinkExpiredError):
            auth_service.sign_in_by_link(Purpose.ENTER, held)

    def test_leaves_time_to_read(self, auth_service: AuthService, site: Site, clock: Clock) -> None:
        held = auth_service.hold_link(auth_service.from_wordpress(site.id, "wanda"))
        clock.now += 599
        assert auth_service.find_link(Purpose.ENTER, held)
        clock.now += 1
        assert auth_service.find_link(Purpose.ENTER, held) is None


class TestDevices:
    def test_are_known_after_a_sign_in(self, auth_service: AuthService, anna: str) -> None:
        token = remembered(auth_service, auth_service.sign_in(anna, PASSWORD))
        assert auth_service.known_device(" ANNA ", token)
        assert auth_service.known_device("nobody", token) == ""
        auth_service.add("bert", Role.VIEWER, PASSWORD)
        assert auth_service.known_device("bert", token) == ""

    def test_are_strangers_after_a_new_password(self, auth_service: AuthService, anna: str) -> None:
        token = remembered(auth_service, auth_service.sign_in(anna, PASSWORD))
        session = auth_service.change_password(anna, PASSWORD, ANOTHER)
        assert auth_service.known_device(anna, token) == ""
        token = remembered(auth_service, session)
        assert auth_service.known_device(anna, token)
        auth_service.set_password(anna, PASSWORD)
        assert auth_service.known_device(anna, token) == ""

    def test_are_strangers_to_a_new_user_of_the_name(
        self, auth_service: AuthService, anna: str, clock: Clock
    ) -> None:
        auth_service.add("bert", Role.VIEWER, PASSWORD)
        token = remembered(auth_service, auth_service.sign_in("bert", PASSWORD))
        auth_service.remove("bert")
        assert auth_service.known_device("bert", token) == ""
        auth_service.add("bert", Role.VIEWER, PASSWORD)
        assert auth_service.known_device("bert", token) == ""

    def test_stay_known_after_signing_out_and_for_half_a_year(
        self, auth_service: AuthService, anna: str, clock: Clock
    ) -> None:
        session = auth_service.sign_in(anna, PASSWORD)
        token = remembered(auth_service, session)
        auth_service.sign_out(session or "")
        clock.now += LIFETIME_OF_DEVICE / 1000 - 1
        assert auth_service.known_device(anna, token)
        clock.now += 1
        assert auth_service.known_device(anna, token) == ""

    def test_are_not_of_who_types_no_password(self, auth_service: AuthService, site: Site) -> None:
        entering = auth_service.from_wordpress(site.id, "wanda")
        assert auth_service.remember_device(auth_service.sign_in_by_link(Purpose.SITE, entering)) is None
        auth_service.add("luke", Role.VIEWER)
        link = auth_service.link("luke", Purpose.SIGN_IN)
        assert auth_service.remember_device(auth_service.sign_in_by_link(Purpose.SIGN_IN, link)) is None
        assert auth_service.remember_device("no session") is None


def remembered(auth_service: AuthService, session_token: str | None) -> str:
    found = auth_service.remember_device(session_token or "")
    assert found is not None
    return found[1]

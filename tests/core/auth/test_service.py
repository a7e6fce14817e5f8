"""Who is let in."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2 import PasswordHasher

from core.auth.passwords import Passwords
from core.auth.service import AuthService, canonical
from core.errors import LinkExpiredError, UserError
from core.store.auth.one_time_links import LIFETIME, Purpose
from core.store.auth.sessions import IDLE, LONGEST
from core.store.auth.users import Role
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
def admission(store: Store, hasher: Counting, clock: Clock) -> AuthService:
    return AuthService(store, Passwords(hasher), clock)


@pytest.fixture
def anna(admission: AuthService) -> str:
    return admission.add("anna", Role.ADMINISTRATOR, PASSWORD)


def name_of(admission: AuthService, word: str | None) -> str | None:
    session = admission.session(word) if word else None
    return session.name if session else None


class TestAdd:
    @pytest.mark.parametrize(
        ("given", "kept"), [(" Anna ", "anna"), ("\uff21nna", "anna"), ("a@b.org", "a@b.org")]
    )
    def test_keeps_one_form_of_a_name(self, admission: AuthService, given: str, kept: str) -> None:
        assert admission.add(given, Role.VIEWER, PASSWORD) == kept
        assert admission.sign_in(given, PASSWORD)
        assert canonical(given) == kept

    @pytest.mark.parametrize("name", ["", "a", "a b", "x" * 61, "a\nb", "<b>", "a/b", "ab\u202e"])
    def test_refuses_what_is_no_name(self, admission: AuthService, name: str) -> None:
        with pytest.raises(UserError, match="letters"):
            admission.add(name, Role.VIEWER, PASSWORD)

    def test_refuses_a_bad_password(self, admission: AuthService) -> None:
        with pytest.raises(UserError) as refused:
            admission.add("anna", Role.VIEWER, "short")
        assert refused.value.field == "password"
        assert admission.users() == []

    def test_refuses_a_name_that_is_taken(self, admission: AuthService, anna: str) -> None:
        with pytest.raises(UserError, match="already"):
            admission.add("Anna", Role.VIEWER, ANOTHER)
        assert admission.sign_in("anna", PASSWORD)


class TestSignIn:
    def test_with_the_right_password(self, admission: AuthService, anna: str, clock: Clock) -> None:
        word = admission.sign_in("Anna", PASSWORD)
        assert name_of(admission, word) == "anna"
        assert admission.users()[0].last_seen_at == int(clock() * 1000)

    @pytest.mark.parametrize(
        ("name", "password"), [("anna", ANOTHER), ("nobody", PASSWORD), ("", ""), ("anna", "")]
    )
    def test_with_no_other(
        self, admission: AuthService, anna: str, hasher: Counting, name: str, password: str
    ) -> None:
        """And a name that does not exist costs the same work as one that does."""
        before = hasher.verified
        assert admission.sign_in(name, password) is None
        assert hasher.verified == before + 1

    def test_makes_a_new_word_each_time_and_ends_the_one_before(
        self, admission: AuthService, anna: str
    ) -> None:
        planted = admission.sign_in("anna", PASSWORD)
        assert planted is not None
        word = admission.sign_in("anna", PASSWORD, instead_of=planted)
        assert word != planted
        assert name_of(admission, planted) is None
        assert name_of(admission, word) == "anna"

    def test_is_not_possible_without_a_password(self, admission: AuthService) -> None:
        admission.add("luke", Role.VIEWER)
        for given in ("", "!", PASSWORD):
            assert admission.sign_in("luke", given) is None

    def test_makes_a_hash_stronger_that_is_outdated(
        self, store: Store, admission: AuthService, anna: str
    ) -> None:
        before = admission.users()[0].password
        stronger = AuthService(store, Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)))
        assert stronger.sign_in("anna", PASSWORD)
        assert admission.users()[0].password != before
        assert "t=2" in admission.users()[0].password
        assert stronger.sign_in("anna", PASSWORD)

    def test_fails_where_the_password_was_changed_meanwhile(
        self, store: Store, admission: AuthService, anna: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        matches = admission.passwords.matches

        def and_then_it_changes(kept: str | None, password: str) -> bool:
            right = matches(kept, password)
            AuthService(store, Passwords(Counting())).set_password("anna", ANOTHER)
            return right

        monkeypatch.setattr(admission.passwords, "matches", and_then_it_changes)
        assert admission.sign_in("anna", PASSWORD) is None


class TestSession:
    def test_is_known_to_every_process(
        self, store: Store, admission: AuthService, anna: str, clock: Clock
    ) -> None:
        word = admission.sign_in("anna", PASSWORD)
        assert name_of(AuthService(store, clock=clock), word) == "anna"

    def test_lasts_longer_for_being_used(self, admission: AuthService, anna: str, clock: Clock) -> None:
        word = admission.sign_in("anna", PASSWORD)
        begun = clock()
        while name_of(admission, word):
            admission.store.write(lambda connection: None)  # what it has asked to be written is
            clock.now += IDLE / 1000 - 1
        lasted = (clock() - begun) * 1000
        assert LONGEST <= lasted < LONGEST + IDLE

    def test_ends_without_that(self, admission: AuthService, anna: str, clock: Clock) -> None:
        word = admission.sign_in("anna", PASSWORD)
        clock.now += IDLE / 1000
        assert name_of(admission, word) is None

    def test_ends_by_signing_out(self, admission: AuthService, anna: str) -> None:
        word, other = admission.sign_in("anna", PASSWORD), admission.sign_in("anna", PASSWORD)
        assert word is not None
        admission.sign_out(word)
        assert name_of(admission, word) is None
        assert name_of(admission, other) == "anna"


class TestPasswords:
    def test_of_ones_own_ends_all_other_sessions(self, admission: AuthService, anna: str) -> None:
        before = admission.sign_in("anna", PASSWORD)
        link = admission.link("anna", Purpose.SIGN_IN)
        word = admission.change_password("anna", PASSWORD, ANOTHER)
        assert name_of(admission, word) == "anna"
        assert name_of(admission, before) is None
        with pytest.raises(LinkExpiredError):
            admission.enter(Purpose.SIGN_IN, link)
        assert admission.sign_in("anna", PASSWORD) is None
        assert admission.sign_in("anna", ANOTHER)

    def test_of_ones_own_needs_the_present_one(self, admission: AuthService, anna: str) -> None:
        assert admission.change_password("anna", "a wrong password", ANOTHER) is None
        assert admission.change_password("nobody", PASSWORD, ANOTHER) is None
        assert admission.sign_in("anna", PASSWORD)

    def test_of_ones_own_needs_none_where_there_is_none(self, admission: AuthService) -> None:
        admission.add("luke", Role.VIEWER)
        assert admission.change_password("luke", "", PASSWORD)
        assert admission.sign_in("luke", PASSWORD)

    def test_is_refused_where_it_is_bad(self, admission: AuthService, anna: str) -> None:
        with pytest.raises(UserError):
            admission.change_password("anna", PASSWORD, "short")
        with pytest.raises(UserError):
            admission.set_password("anna", "short")
        assert admission.sign_in("anna", PASSWORD)

    def test_set_from_the_shell_ends_all_sessions(self, admission: AuthService, anna: str) -> None:
        word = admission.sign_in("anna", PASSWORD)
        admission.set_password("Anna", ANOTHER)
        assert name_of(admission, word) is None
        assert admission.sign_in("anna", ANOTHER)

    def test_of_nobody(self, admission: AuthService) -> None:
        with pytest.raises(UserError, match="no user"):
            admission.set_password("nobody", PASSWORD)


class TestFirst:
    def test_is_made_with_the_link_that_was_printed(self, admission: AuthService) -> None:
        word = admission.make_first(admission.invitation(), "Anna", PASSWORD)
        assert name_of(admission, word) == "anna"
        (anna,) = admission.users()
        assert anna.role is Role.ADMINISTRATOR

    def test_is_made_once(self, admission: AuthService) -> None:
        one, other = admission.invitation(), admission.invitation()
        admission.make_first(one, "anna", PASSWORD)
        for ticket in (one, other):
            with pytest.raises(LinkExpiredError):
                admission.make_first(ticket, "mallory", PASSWORD)
        with pytest.raises(UserError, match="already"):
            admission.invitation()
        assert len(admission.users()) == 1

    def test_is_made_once_by_many_at_the_same_moment(self, admission: AuthService) -> None:
        tickets = [admission.invitation() for _ in range(6)]

        def make(number: int) -> bool:
            try:
                admission.make_first(tickets[number], f"anna{number}", PASSWORD)
            except LinkExpiredError:
                return False
            return True

        with ThreadPoolExecutor(6) as pool:
            assert sum(pool.map(make, range(6))) == 1
        assert len(admission.users()) == 1

    def test_is_not_made_with_a_bad_password_which_leaves_the_link_good(self, admission: AuthService) -> None:
        ticket = admission.invitation()
        with pytest.raises(UserError):
            admission.make_first(ticket, "anna", "short")
        assert admission.make_first(ticket, "anna", PASSWORD)

    def test_is_not_made_where_somebody_was_added_meanwhile(self, admission: AuthService) -> None:
        ticket = admission.invitation()
        admission.add("anna", Role.VIEWER, PASSWORD)
        with pytest.raises(LinkExpiredError):
            admission.make_first(ticket, "mallory", PASSWORD)


class TestLinks:
    def test_choose_a_password_once(self, admission: AuthService, anna: str) -> None:
        before = admission.sign_in("anna", PASSWORD)
        ticket = admission.link("anna", Purpose.PASSWORD)
        assert admission.sign_in("anna", PASSWORD), "the old one is good until a new one is chosen"
        word = admission.choose_password(ticket, ANOTHER)
        assert name_of(admission, word) == "anna"
        assert name_of(admission, before) is None
        assert admission.sign_in("anna", PASSWORD) is None
        with pytest.raises(LinkExpiredError):
            admission.choose_password(ticket, PASSWORD)

    def test_leave_a_bad_password_unchosen(self, admission: AuthService, anna: str) -> None:
        ticket = admission.link("anna", Purpose.PASSWORD)
        with pytest.raises(UserError):
            admission.choose_password(ticket, "short")
        assert admission.choose_password(ticket, ANOTHER)

    def test_let_in_once(self, admission: AuthService, anna: str) -> None:
        ticket = admission.link("anna", Purpose.SIGN_IN)
        assert name_of(admission, admission.enter(Purpose.SIGN_IN, ticket)) == "anna"
        with pytest.raises(LinkExpiredError):
            admission.enter(Purpose.SIGN_IN, ticket)

    @pytest.mark.parametrize("purpose", [Purpose.PASSWORD, Purpose.SIGN_IN])
    def test_are_over_at_their_time(
        self, admission: AuthService, anna: str, clock: Clock, purpose: Purpose
    ) -> None:
        ticket = admission.link("anna", purpose)
        clock.now += LIFETIME[purpose] / 1000
        assert admission.find_link(purpose, ticket) is None
        opens = (
            admission.enter
            if purpose is Purpose.SIGN_IN
            else lambda _, word: admission.choose_password(word, ANOTHER)
        )
        with pytest.raises(LinkExpiredError):
            opens(purpose, ticket)

    def test_end_with_the_user(self, admission: AuthService, anna: str) -> None:
        """Also where another of the same name comes after."""
        admission.add("bert", Role.ADMINISTRATOR, PASSWORD)
        tickets = {
            purpose: admission.link("anna", purpose) for purpose in (Purpose.PASSWORD, Purpose.SIGN_IN)
        }
        word = admission.sign_in("anna", PASSWORD)
        admission.remove("anna")
        admission.add("anna", Role.ADMINISTRATOR, ANOTHER)
        assert name_of(admission, word) is None
        for purpose, ticket in tickets.items():
            assert admission.find_link(purpose, ticket) is None

    def test_are_not_for_nobody(self, admission: AuthService) -> None:
        with pytest.raises(UserError):
            admission.link("nobody", Purpose.PASSWORD)


class TestFromWordPress:
    def test_sees_its_site_once(self, admission: AuthService, site: Site) -> None:
        ticket = admission.from_wordpress(site.id, "wanda")
        session = admission.session(admission.enter(Purpose.SITE, ticket))
        assert session is not None
        assert (session.name, session.role, session.site_id) == ("wanda", Role.ADMINISTRATOR, site.id)
        with pytest.raises(LinkExpiredError):
            admission.enter(Purpose.SITE, ticket)

    def test_is_over_in_a_minute(self, admission: AuthService, site: Site, clock: Clock) -> None:
        ticket = admission.from_wordpress(site.id, "wanda")
        clock.now += 60
        with pytest.raises(LinkExpiredError):
            admission.enter(Purpose.SITE, ticket)

    def test_is_good_for_no_other_door(self, admission: AuthService, site: Site, anna: str) -> None:
        ticket = admission.from_wordpress(site.id, "anna")
        with pytest.raises(LinkExpiredError):
            admission.enter(Purpose.SIGN_IN, ticket)
        with pytest.raises(LinkExpiredError):
            admission.choose_password(ticket, ANOTHER)

    def test_sees_nothing_where_the_site_was_let_go(
        self, store: Store, admission: AuthService, site: Site
    ) -> None:
        ticket = admission.from_wordpress(site.id, "wanda")
        store.write(lambda connection: sites.remove(connection, site.id))
        assert admission.session(admission.enter(Purpose.SITE, ticket)) is None

    def test_does_not_end_with_a_user_of_that_name(
        self, admission: AuthService, site: Site, anna: str
    ) -> None:
        word = admission.enter(Purpose.SITE, admission.from_wordpress(site.id, "anna"))
        admission.set_password("anna", ANOTHER)
        assert name_of(admission, word) == "anna"


class TestLastAdministrator:
    def test_stays_one(self, admission: AuthService, anna: str) -> None:
        admission.add("luke", Role.VIEWER, PASSWORD)
        admission.add("bert", Role.ADMINISTRATOR)  # who cannot sign in yet
        with pytest.raises(UserError, match="only administrator"):
            admission.remove("Anna")
        with pytest.raises(UserError, match="only administrator"):
            admission.set_role("Anna", Role.VIEWER)
        assert admission.users()[0].role is Role.ADMINISTRATOR

    def test_may_go_when_there_is_another(self, admission: AuthService, anna: str) -> None:
        admission.add("bert", Role.ADMINISTRATOR, PASSWORD)
        admission.set_role("anna", Role.VIEWER)
        admission.remove("anna")
        assert [user.name for user in admission.users()] == ["bert"]

    def test_stays_where_two_remove_each_other(self, admission: AuthService, anna: str) -> None:
        admission.add("bert", Role.ADMINISTRATOR, PASSWORD)

        def remove(name: str) -> bool:
            try:
                admission.remove(name)
            except UserError:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            assert sum(pool.map(remove, ("anna", "bert"))) == 1

    def test_does_not_keep_lookers(self, admission: AuthService, anna: str) -> None:
        admission.add("luke", Role.VIEWER, PASSWORD)
        admission.remove("luke")
        with pytest.raises(UserError, match="no user"):
            admission.remove("luke")

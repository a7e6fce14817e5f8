"""A second factor: an app's codes after the password, each once, and recovery codes for who lost the app."""

import re
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, func, select

from core.auth import recovery_codes, totp
from core.auth.passwords import Passwords
from core.auth.service import AuthService
from core.auth.two_factor import SETUP_MINUTES, TwoFactorService
from core.errors import CodeRequiredError, LinkExpiredError, UserError
from core.store import audit
from core.store.audit import Action, AuditEntry, AuditFilter
from core.store.auth import second_factors
from core.store.auth.one_time_links import Purpose
from core.store.auth.pending_sign_ins import LIFETIME, MOST_FAILURES
from core.store.auth.users import Role
from core.store.db import schema
from core.store.db.engine import Store
from core.store.sites.sites import Site
from tests.core.auth.test_passwords import Counting
from tests.core.clock import Clock
from tests.core.conftest import KEYS

PASSWORD = "four words in a row"
ANOTHER = "five other words in a row"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
STEP = totp.STEP_SECONDS


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def auth_service(store: Store, clock: Clock) -> AuthService:
    return AuthService(store, Passwords(Counting()), clock)


@pytest.fixture
def service(auth_service: AuthService) -> TwoFactorService:
    return auth_service.two_factor


@pytest.fixture
def anna(auth_service: AuthService) -> str:
    return auth_service.add("anna", Role.ADMINISTRATOR, PASSWORD)


@pytest.fixture
def codes(store: Store, anna: str) -> list[str]:
    """Turn it on for anna, with SECRET; return the recovery codes."""
    made = recovery_codes.new_codes()

    def save(connection: Connection) -> None:
        second_factors.save(connection, store.sealer, anna, SECRET, step=0, now=1)
        second_factors.save_codes(connection, anna, made)

    store.write(save)
    return made


def app(clock: Clock, steps: int = 0, secret: str = SECRET) -> str:
    """Return what the app shows now, or so many steps later."""
    return totp.code_at(secret, totp.step_at(clock.ms) + steps)


def pending(auth_service: AuthService, password: str = PASSWORD) -> str:
    """Sign in with the password alone; return the token with which it goes on."""
    with pytest.raises(CodeRequiredError) as required:
        auth_service.sign_in("anna", password)
    return required.value.pending


def entries(store: Store, action: Action) -> list[AuditEntry]:
    store.write(lambda _: None)  # after those that nothing waits for
    with store.reading() as connection:
        return audit.page(connection, AuditFilter(action=action), limit=100).entries


def count(store: Store, table: str) -> int:
    with store.reading() as connection:
        return connection.scalar(select(func.count()).select_from(schema.metadata.tables[table])) or 0


class TestSetup:
    def test_is_confirmed_by_a_code_of_the_app(
        self, store: Store, auth_service: AuthService, service: TwoFactorService, anna: str, clock: Clock
    ) -> None:
        here, elsewhere = auth_service.sign_in("anna", PASSWORD), auth_service.sign_in("anna", PASSWORD)
        assert here
        assert elsewhere
        setup = service.start("anna")
        assert service.find("anna") is None, "not before it is confirmed"
        assert service.confirm("anna", setup.token, app(clock, 5, setup.secret), session_token=here) is None
        assert service.find("anna") is None
        codes = service.confirm("anna", setup.token, app(clock, 0, setup.secret), session_token=here)
        assert codes is not None
        assert len(set(codes)) == 10
        assert all(re.fullmatch(r"[a-z2-9]{4}(-[a-z2-9]{4}){3}", code) for code in codes)
        factor = service.find("anna")
        assert factor is not None
        assert (factor.created_at, factor.codes_left) == (clock.ms, 10)
        assert service.names() == {"anna"}
        assert auth_service.session(here) is not None
        assert auth_service.session(elsewhere) is None, "it began without a code"
        assert [entry.subject for entry in entries(store, Action.TWO_FACTOR_ON)] == ["anna"]
        # The code that confirmed it is used up.
        token = pending(auth_service)
        assert auth_service.finish_sign_in(token, app(clock, 0, setup.secret)) is None
        assert auth_service.finish_sign_in(token, app(clock, 1, setup.secret))

    def test_expires(self, service: TwoFactorService, anna: str, clock: Clock) -> None:
        setup = service.start("anna")
        clock.now += SETUP_MINUTES * 60
        assert service.setup("anna", setup.token) == setup
        clock.now += 1
        with pytest.raises(UserError, match="not finished in time"):
            service.confirm("anna", setup.token, app(clock, 0, setup.secret), session_token="")

    def test_is_of_who_began_it(
        self, auth_service: AuthService, service: TwoFactorService, anna: str, clock: Clock
    ) -> None:
        auth_service.add("luke", Role.VIEWER, PASSWORD)
        setup = service.start("anna")
        assert setup.secret not in setup.token
        for token in (setup.token, "", "x", "é", setup.token[:-4], "x" * 100_000):
            with pytest.raises(UserError):
                service.confirm("luke", token, app(clock, 0, setup.secret), session_token="")
        assert service.names() == frozenset()

    def test_is_no_other_sealed_value(self, store: Store, service: TwoFactorService, anna: str) -> None:
        for sealed in ('"text"', "[]", "{}", "null", '["two-factor setup", "anna"]'):
            token = urlsafe_b64encode(store.sealer.seal_text(sealed)).decode()
            with pytest.raises(UserError):
                service.setup("anna", token)

    def test_replaces_none_that_is_on(self, service: TwoFactorService, anna: str, clock: Clock) -> None:
        first, second = service.start("anna"), service.start("anna")
        assert service.confirm("anna", first.token, app(clock, 0, first.secret), session_token="")
        with pytest.raises(UserError, match="on already"):
            service.confirm("anna", second.token, app(clock, 0, second.secret), session_token="")
        with pytest.raises(UserError, match="on already"):
            service.start("anna")

    def test_leaves_secret_and_codes_unreadable_in_the_database(self, store: Store, codes: list[str]) -> None:
        with store.reading() as connection:
            held = repr([connection.execute(select(table)).all() for table in schema.metadata.sorted_tables])
            for secret in (SECRET, *codes, *(code.replace("-", "") for code in codes)):
                assert secret not in held
            assert second_factors.secret_of(connection, store.sealer, "anna") == SECRET


class TestSignIn:
    def test_takes_a_code_after_the_password(
        self, store: Store, auth_service: AuthService, codes: list[str], clock: Clock
    ) -> None:
        before = count(store, "sessions")
        token = pending(auth_service)
        assert count(store, "sessions") == before, "the password alone opens nothing"
        assert auth_service.session(token) is None
        assert auth_service.pending_name(token) == "anna"
        session = auth_service.session(auth_service.finish_sign_in(token, app(clock)) or "")
        assert session is not None
        assert session.name == "anna"
        assert entries(store, Action.SIGNED_IN)[0].detail == {"means": ["password", "code"]}
        assert auth_service.users()[0].last_seen_at == clock.ms

    def test_ends_the_session_before_at_its_end_only(
        self, auth_service: AuthService, service: TwoFactorService, anna: str, clock: Clock
    ) -> None:
        planted = auth_service.sign_in("anna", PASSWORD)
        assert planted
        setup = service.start("anna")
        service.confirm("anna", setup.token, app(clock, -1, setup.secret), session_token=planted)
        with pytest.raises(CodeRequiredError) as required:
            auth_service.sign_in("anna", PASSWORD, instead_of=planted)
        assert auth_service.session(planted) is not None
        assert auth_service.finish_sign_in(
            required.value.pending, app(clock, 0, setup.secret), instead_of=planted
        )
        assert auth_service.session(planted) is None

    def test_asks_nobody_for_a_code_whose_password_is_wrong(
        self, auth_service: AuthService, codes: list[str]
    ) -> None:
        assert auth_service.sign_in("anna", ANOTHER) is None

    @pytest.mark.parametrize("code", ["", "000000", "x" * 100, "aaaa-bbbb-cccc-dddd", "\0", "\udcff"])
    def test_with_no_other_code(
        self, store: Store, auth_service: AuthService, codes: list[str], code: str
    ) -> None:
        assert auth_service.finish_sign_in(pending(auth_service), code) is None
        (entry,) = entries(store, Action.SIGN_IN_FAILED)
        assert (entry.subject, entry.detail) == ("anna", {"step": "code"})

    def test_waits_for_the_code_for_five_minutes(
        self, auth_service: AuthService, codes: list[str], clock: Clock
    ) -> None:
        first, second = pending(auth_service), pending(auth_service)
        clock.now += LIFETIME / 1000 - 1
        assert auth_service.finish_sign_in(first, app(clock))
        clock.now += 1
        assert auth_service.pending_name(second) is None
        with pytest.raises(LinkExpiredError):
            auth_service.finish_sign_in(second, app(clock, 1))

    def test_ends_with_five_wrong_codes(
        self, store: Store, auth_service: AuthService, codes: list[str], clock: Clock
    ) -> None:
        token = pending(auth_service)
        for _ in range(MOST_FAILURES):
            assert auth_service.finish_sign_in(token, "000000") is None
        with pytest.raises(LinkExpiredError):
            auth_service.finish_sign_in(token, app(clock))
        assert count(store, "pending_sign_ins") == 0

    def test_goes_on_once(self, auth_service: AuthService, codes: list[str], clock: Clock) -> None:
        token = pending(auth_service)
        assert auth_service.finish_sign_in(token, app(clock))
        with pytest.raises(LinkExpiredError):
            auth_service.finish_sign_in(token, app(clock, 1))

    @pytest.mark.parametrize("token", ["", "x", "é", "x" * 100_000])
    def test_is_not_begun_by_a_guess(
        self, auth_service: AuthService, codes: list[str], clock: Clock, token: str
    ) -> None:
        pending(auth_service)
        assert auth_service.pending_name(token) is None
        with pytest.raises(LinkExpiredError):
            auth_service.finish_sign_in(token, app(clock))

    def test_that_waits_ends_with_the_password(
        self, auth_service: AuthService, codes: list[str], clock: Clock
    ) -> None:
        token = pending(auth_service)
        auth_service.set_password("anna", ANOTHER)
        assert auth_service.pending_name(token) is None
        assert auth_service.finish_sign_in(pending(auth_service, ANOTHER), app(clock)), "it stays on"

    def test_that_wait_are_few(self, store: Store, auth_service: AuthService, codes: list[str]) -> None:
        tokens = [pending(auth_service) for _ in range(22)]
        assert count(store, "pending_sign_ins") == 20
        assert auth_service.pending_name(tokens[-1]) == "anna"


class TestReplay:
    def test_of_a_code_is_refused(self, auth_service: AuthService, codes: list[str], clock: Clock) -> None:
        assert auth_service.finish_sign_in(pending(auth_service), app(clock))
        assert auth_service.finish_sign_in(pending(auth_service), app(clock)) is None
        clock.now += STEP
        assert auth_service.finish_sign_in(pending(auth_service), app(clock, -1)) is None, "used before"
        assert auth_service.finish_sign_in(pending(auth_service), app(clock))

    def test_of_an_older_code_is_refused(
        self, auth_service: AuthService, codes: list[str], clock: Clock
    ) -> None:
        assert auth_service.finish_sign_in(pending(auth_service), app(clock, 1))
        for steps in (-1, 0, 1):
            assert auth_service.finish_sign_in(pending(auth_service), app(clock, steps)) is None

    @pytest.mark.parametrize("kind", ["code", "recovery code"])
    def test_in_several_processes_at_once_is_refused(
        self, store: Store, auth_service: AuthService, codes: list[str], clock: Clock, kind: str
    ) -> None:
        """They share a database: of PostgreSQL each has a store of its own, SQLite takes one process."""
        tokens = [pending(auth_service) for _ in range(8)]
        url = store.url.render_as_string(hide_password=False)
        others = [] if url.startswith("sqlite") else [Store(url, keys=KEYS) for _ in range(2)]
        processes = [AuthService(one, Passwords(Counting()), clock) for one in (store, *others)]
        code = app(clock) if kind == "code" else codes[0]

        def finish(number: int) -> bool:
            return bool(processes[number % len(processes)].finish_sign_in(tokens[number], code))

        try:
            with ThreadPoolExecutor(8) as pool:
                assert sum(pool.map(finish, range(8))) == 1
        finally:
            for one in others:
                one.close()


class TestRecoveryCodes:
    def test_work_once_each_however_they_are_typed(
        self, store: Store, auth_service: AuthService, service: TwoFactorService, codes: list[str]
    ) -> None:
        for code in (codes[0], codes[1].upper(), codes[2].replace("-", " "), f" {codes[3]}\n"):
            assert auth_service.finish_sign_in(pending(auth_service), code)
            assert auth_service.finish_sign_in(pending(auth_service), code) is None
        factor = service.find("anna")
        assert factor is not None
        assert factor.codes_left == 6
        assert entries(store, Action.SIGNED_IN)[0].detail == {"means": ["password", "recovery code"]}

    def test_are_of_one_user(self, store: Store, auth_service: AuthService, codes: list[str]) -> None:
        auth_service.add("luke", Role.VIEWER, PASSWORD)
        theirs = recovery_codes.new_codes()

        def save(connection: Connection) -> None:
            second_factors.save(connection, store.sealer, "luke", SECRET, step=0, now=1)
            second_factors.save_codes(connection, "luke", theirs)

        store.write(save)
        assert auth_service.finish_sign_in(pending(auth_service), theirs[0]) is None

    def test_are_renewed_by_a_code(
        self,
        store: Store,
        auth_service: AuthService,
        service: TwoFactorService,
        codes: list[str],
        clock: Clock,
    ) -> None:
        assert service.renew_codes("anna", "000000") is None
        assert service.renew_codes("luke", app(clock)) is None
        renewed = service.renew_codes("anna", app(clock))
        assert renewed is not None
        assert not set(renewed) & set(codes)
        assert auth_service.finish_sign_in(pending(auth_service), codes[0]) is None
        assert auth_service.finish_sign_in(pending(auth_service), renewed[0])
        assert len(entries(store, Action.RECOVERY_CODES)) == 1


class TestOff:
    def test_by_a_code(
        self,
        store: Store,
        auth_service: AuthService,
        service: TwoFactorService,
        codes: list[str],
        clock: Clock,
    ) -> None:
        assert not service.turn_off("anna", "000000")
        assert service.find("anna") is not None
        token = pending(auth_service)
        assert service.turn_off("anna", app(clock))
        assert [
            count(store, table) for table in ("second_factors", "recovery_codes", "pending_sign_ins")
        ] == [0] * 3
        assert auth_service.pending_name(token) is None
        assert auth_service.sign_in("anna", PASSWORD)
        assert [entry.subject for entry in entries(store, Action.TWO_FACTOR_OFF)] == ["anna"]

    def test_for_who_has_lost_it(
        self, store: Store, auth_service: AuthService, service: TwoFactorService, codes: list[str]
    ) -> None:
        service.remove("anna")
        assert auth_service.sign_in("anna", PASSWORD)
        assert len(entries(store, Action.TWO_FACTOR_OFF)) == 1
        with pytest.raises(UserError, match="does not use"):
            service.remove("anna")
        with pytest.raises(UserError, match="no user"):
            service.remove("nobody")

    def test_with_its_user(self, store: Store, auth_service: AuthService, codes: list[str]) -> None:
        auth_service.add("bert", Role.ADMINISTRATOR, PASSWORD)
        pending(auth_service)
        auth_service.remove("anna")
        assert [
            count(store, table) for table in ("second_factors", "recovery_codes", "pending_sign_ins")
        ] == [0] * 3
        auth_service.add("anna", Role.VIEWER, PASSWORD)
        assert auth_service.sign_in("anna", PASSWORD), "another person of that name"


class TestLinks:
    @pytest.mark.parametrize("purpose", [Purpose.PASSWORD, Purpose.SIGN_IN])
    def test_replace_the_password_and_not_the_code(
        self, store: Store, auth_service: AuthService, codes: list[str], clock: Clock, purpose: Purpose
    ) -> None:
        link = auth_service.link("anna", purpose)
        use = {
            Purpose.PASSWORD: lambda: auth_service.choose_password(link, ANOTHER),
            Purpose.SIGN_IN: lambda: auth_service.sign_in_by_link(purpose, link),
        }
        with pytest.raises(CodeRequiredError) as required:
            use[purpose]()
        assert count(store, "sessions") == 0
        assert auth_service.finish_sign_in(required.value.pending, app(clock))
        if purpose is Purpose.PASSWORD:
            pending(auth_service, ANOTHER)

    def test_from_wp_admin_ask_for_no_code(
        self, auth_service: AuthService, codes: list[str], site: Site
    ) -> None:
        """WordPress signed them in; a user of the bridge of the same name is another person."""
        link = auth_service.from_wordpress(site.id, "anna")
        session = auth_service.session(auth_service.sign_in_by_link(Purpose.SITE, link))
        assert session is not None
        assert session.site_id == site.id

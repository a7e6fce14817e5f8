"""Users: who may sign in, kept once by name."""

from core.store.auth import users
from core.store.auth.users import NO_PASSWORD, Role, User
from core.store.db.engine import Store


def add(store: Store, name: str, role: Role = Role.ADMINISTRATOR, password: str = "hash") -> bool:
    return store.write(lambda connection: users.add(connection, name, role, password, now=1))


def every(store: Store) -> list[User]:
    with store.reading() as connection:
        return users.list_all(connection)


class TestAdd:
    def test_keeps_them_by_name(self, store: Store) -> None:
        assert add(store, "luke", Role.VIEWER, NO_PASSWORD)
        assert add(store, "anna")
        assert every(store) == [
            User("anna", Role.ADMINISTRATOR, "hash", 1, None),
            User("luke", Role.VIEWER, NO_PASSWORD, 1, None),
        ]
        assert [user.has_password for user in every(store)] == [True, False]

    def test_leaves_who_is_there_as_they_are(self, store: Store) -> None:
        add(store, "anna", Role.VIEWER)
        assert not add(store, "anna", Role.ADMINISTRATOR, "another")
        assert every(store) == [User("anna", Role.VIEWER, "hash", 1, None)]

    def test_somebody_is_there_then(self, store: Store) -> None:
        with store.reading() as connection:
            assert not users.any_user(connection)
        add(store, "anna")
        with store.reading() as connection:
            assert users.any_user(connection)


class TestChange:
    def test_of_a_password_only_where_the_one_before_is_still_there(self, store: Store) -> None:
        add(store, "anna")
        add(store, "luke")

        def change(had: str | None) -> bool:
            return store.write(
                lambda connection: users.set_password(connection, "anna", "new", instead_of=had)
            )

        assert not change("another")
        assert change("hash")
        assert not change("hash"), "it is another by now"
        assert change(None)
        assert [user.password for user in every(store)] == ["new", "hash"]

    def test_of_a_role(self, store: Store) -> None:
        add(store, "anna")
        assert store.write(lambda connection: users.set_role(connection, "anna", Role.VIEWER))
        assert not store.write(lambda connection: users.set_role(connection, "nobody", Role.VIEWER))
        assert every(store)[0].role is Role.VIEWER

    def test_of_when_they_were_here(self, store: Store) -> None:
        add(store, "anna")
        assert not store.write(
            lambda connection: users.record_seen(connection, "anna", now=7, password="another")
        )
        assert every(store)[0].last_seen_at is None
        assert store.write(lambda connection: users.record_seen(connection, "anna", now=7, password="hash"))
        assert every(store)[0].last_seen_at == 7


class TestRemove:
    def test_takes_one(self, store: Store) -> None:
        add(store, "anna")
        add(store, "luke")
        assert store.write(lambda connection: users.remove(connection, "anna"))
        assert not store.write(lambda connection: users.remove(connection, "anna"))
        assert [user.name for user in every(store)] == ["luke"]


class TestOtherAdministrators:
    def test_are_those_who_can_sign_in(self, store: Store) -> None:
        add(store, "anna")
        add(store, "luke", Role.VIEWER)
        add(store, "bert", Role.ADMINISTRATOR, NO_PASSWORD)

        def others() -> int:
            with store.reading() as connection:
                return users.other_administrators(connection, "anna")

        assert others() == 0
        add(store, "carl")
        assert others() == 1

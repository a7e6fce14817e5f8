"""Sites that asked for a pairing are called back in the background until they are connected."""

import queue
import threading

from core.sites import pairing
from core.sites.pairing_caller import PairingCaller
from core.store.db.engine import Store
from tests.core.sites.pairing_plugin import HOME, Plugin, issue, kept


class TestCaller:
    def test_calls_until_the_plugin_has_the_key(self, store: Store) -> None:
        plugin = Plugin()
        asked = plugin.ask(store, issue(store, address=HOME))
        connected = threading.Event()
        caller = PairingCaller(store, on_connected=lambda _: connected.set(), pauses=(0, 0, 0))
        key, plugin.key = plugin.key, "00" * 32
        with plugin.answering() as network:
            refused = network.plugin.handle

            def handle(body: bytes) -> tuple[int, bytes]:
                answer = refused(body)
                network.plugin.key = key
                return answer

            network.plugin.handle = handle  # type: ignore[method-assign]
            caller.begin(asked.id)
            assert connected.wait(600)
        assert kept(store, asked.site_id).home == HOME

    def test_continues_what_an_earlier_process_left(self, store: Store) -> None:
        plugin = Plugin()
        asked = plugin.ask(store, issue(store, address=HOME))
        connected: queue.Queue[str] = queue.Queue()
        caller = PairingCaller(store, on_connected=connected.put, pauses=(0,))
        with plugin.answering():
            caller.start()
            assert connected.get(timeout=600) == asked.site_id
        caller.stop()

    def test_watches_only_where_it_repeats_call_backs(self, store: Store) -> None:
        """A command beside the server asks, but does not call."""
        plugin = Plugin()
        asked = plugin.ask(store, issue(store, address=HOME))
        caller = PairingCaller(store, pauses=(0,))
        caller.watch(asked)
        assert not caller.is_underway(asked.id)

    def test_confirmed_site_is_handed_on(self, store: Store) -> None:
        plugin = Plugin()
        asked = plugin.ask(store, issue(store))
        connected: list[str] = []
        caller = PairingCaller(store, on_connected=connected.append)
        with plugin.answering():
            pairing.call_back(store, asked.id)
        caller.confirm(asked.id, confirmed_by="anna")
        assert connected == [asked.site_id]

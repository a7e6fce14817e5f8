"""A double of the plugin: the sync protocol of docs/sync.md in memory, written from the contract and not from the client.

It stands in for faults that a real WordPress does not produce on demand: it dies at a chosen step, stops in time, has
another clock. `test_sync_on_wordpress.py` compares it with the real plugin on one script of operations.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import html
import json
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from tests.core.wordpress.plugin_envelope import answer_of, signature_of, unpack

if TYPE_CHECKING:
    from collections.abc import Callable

Body = tuple[int, bytes]
Step = Literal["start", "before", "half", "after"]
REFUSED = b'{"code":"zoombridge_sync_refused"}'
PLAIN = ("number", "kind", "join_url", "start_date_utc", "html", "revision")
BRIDGE = {"address": "https://bridge.example.org", "reached": True, "status": 200, "message": ""}
METAS = (*PLAIN, "details", "fields", "pro")
FIELDS: dict[str, dict[str, type]] = {
    "hello": {"call?": bool, "visit?": int, "alerts?": dict},
    "sweep": {"after": int},
    "find": {"numbers": list, "hint?": int},
    "read": {"post": int},
    "write": {
        "seq": int,
        "number": str,
        "post?": int,
        "title?": str,
        "keep_title?": bool,
        "content?": str,
        "status?": str,
        "host?": str,
        "author?": int,
        "terms?": list,
        "metas?": dict,
    },
    "trash": {"seq": int, "number": str, "post": int},
    "restore": {"seq": int, "number": str, "post": int, "status?": str},
    "delete": {"seq": int, "number": str, "post": int},
    "outcome": {"n": str},
    "choices": {"kind": str},
    "rotate": {"e": str},
    "address": {"bridge": str},
    "unpair": {},
}


class DiedError(Exception):
    """PHP dies at an item; what was registered for the shutdown still answers."""


class KilledError(Exception):
    """The process is gone at an item, and nothing answers."""


@dataclass
class PostDouble:
    """A post: its row and its metas."""

    id: int
    title: str = ""
    content: str = ""
    status: str = "publish"
    author: int = 1
    metas: dict[str, Any] = field(default_factory=dict)
    trashed_from: str | None = None
    seq: tuple[int, int] | None = None
    last_op: str = ""
    written: str = ""  # the digest after the bridge's last write
    wrote: dict[str, str] = field(default_factory=dict)  # title and content, as the bridge last wrote them
    left: dict[str, str] | None = None  # metas, as the bridge's last operation left them
    managed: bool = False
    made: bool = False  # by the bridge
    password: bool = False

    @property
    def has_editors_title(self) -> bool:
        topic = (self.metas.get("details") or {}).get("topic", "")
        return self.made and html.unescape(self.title) not in (html.unescape(self.wrote["title"]), topic)


@dataclass
class PluginDouble:
    """The plugin of one site. `step` is called at each step of an item and may raise DiedError or KilledError.

    `most_items` is after how many items of a request it stops. `writes` counts how often each position was carried
    out, by operation, post and seq.
    """

    key: str
    site: str
    home: str
    clock: Callable[[], float]
    epoch: int = 0
    next_key: str = ""  # after a rotation, until it is used
    place: str = ""  # the digest of folder and database; older plugins do not tell it
    trash: bool = True
    vczapi: str | None = None
    vczapi_pro: str | None = None
    most_items: int = 100
    step: Callable[[Step, dict[str, Any]], None] = lambda _step, _operation: None
    posts: dict[int, PostDouble] = field(default_factory=dict)
    nonces: dict[str, tuple[int, str]] = field(default_factory=dict)
    watermark: int = 0
    last_id: int = 6
    highest: tuple[int, int] = (0, 0)
    protocols: tuple[int, int] = (2, 2)
    graves: dict[str, tuple[int, int]] = field(default_factory=dict)  # positions of deletions, by number
    changes: dict[int, dict[str, Any]] = field(default_factory=dict)  # of others, by post
    visit: int = 0
    alerts: dict[str, Any] | None = None
    others: list[int] = field(
        default_factory=list
    )  # posts that are not managed, of meetings that have a managed one
    loader: dict[str, Any] = field(default_factory=lambda: {"state": "none", "writable": True})
    saving: bool = False  # VCZAPI's form saves a meeting
    paired: bool = True
    version: str = "0.2.0"
    unknown: tuple[str, ...] = ()  # operations and fields of `hello` that an earlier version does not know
    offered: str = ""  # address of the bridge
    declined: str = ""  # by an administrator
    accepts_late: bool = False  # an administrator accepts what is offered just before it is withdrawn
    bridge: dict[str, Any] = field(default_factory=lambda: dict(BRIDGE))  # what comes of a call of the bridge
    nonces_are_unique: bool = True
    writes: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    payloads: list[dict[str, Any]] = field(default_factory=list)

    # --- What people do -----------------------------------------------------------------------------------

    def make_by_hand(self, number: str, title: str = "By hand", status: str = "publish") -> PostDouble:
        """A person makes a post with a number."""
        post = PostDouble(self._next_id(), title, "", status, metas={"number": number})
        self.posts[post.id] = post
        return post

    def change(self, post_id: int, *, by: str = "user", metas: Any = None, **values: Any) -> None:
        """Somebody changes a post: title, content, status, password, or metas by name."""
        post = self.posts[post_id]
        post.metas |= metas or {}
        if values.get("status") == "trash":
            post.trashed_from = post.status
        for name, value in values.items():
            setattr(post, name, value)
        self._tell(post, by)

    def delete(self, post_id: int, *, by: str = "user") -> None:
        """Somebody deletes a post permanently."""
        self._tell(self.posts.pop(post_id), by)

    def _tell(self, post: PostDouble, by: str) -> None:
        if post.managed:
            version = hashlib.sha256(f"{post.id} {len(self.payloads)} {time.monotonic_ns()}".encode())
            self.changes[post.id] = {
                "version": version.hexdigest()[:16],
                "number": post.metas.get("number", ""),
                "by": by,
                "at": int(self.clock()),
            }

    def of(self, number: str) -> list[PostDouble]:
        """The posts of a number: outside the trash first, then by ID."""
        found = [post for post in self.posts.values() if post.metas.get("number") == number]
        return sorted(found, key=lambda post: (post.status == "trash", post.id))

    # --- Requests -----------------------------------------------------------------------------------------

    def handle(self, body: bytes) -> Body:
        """Answer a request: status and body. Raises KilledError where the process is gone."""
        if len(body) > 98_304:
            return 413, REFUSED
        message = self._authentic(body)
        if message is None:
            return 401, REFUSED
        refused = self._refusal(message)
        if refused is not None:
            return self._answer(message, {"error": refused, "results": []})
        nonce, now = message["n"], int(self.clock())
        payload = unpack(message)
        if not self._is_request(payload):
            return self._answer(message, {"error": {"code": "invalid", "text": ""}, "results": []})
        self.payloads.append(payload)
        self._forget(payload["ack"])
        self.step("start", payload["operations"][0])
        results: list[dict[str, Any]] = []
        died = False
        for place, operation in enumerate(payload["operations"]):
            item = operation["i"]
            if died or place >= self.most_items or not self.paired:
                results.append({"i": item, "ok": False, "code": "not_tried", "text": ""})
                continue
            self.nonces[nonce] = (message["t"], f"{now}|{item}")
            try:
                results.append({"i": item, **self._carry_out(operation, message["epoch"])})
            except DiedError as death:
                died = True
                fault = {"ok": False, "code": "failed", "text": "died", "file": str(death)}
                results.append({"i": item, **fault})
        if not died:
            self.nonces[nonce] = (message["t"], f"{now}|done")
        changed = [] if died else [self._changed(post) for post in list(self.changes)[:50]]
        return self._answer(message, {"error": None, "results": results, "changed": changed})

    def _forget(self, acknowledged: list[dict[str, Any]]) -> None:
        for one in acknowledged:
            if self.changes.get(one["post"], {}).get("version") == one["version"]:
                del self.changes[one["post"]]

    def _authentic(self, body: bytes) -> dict[str, Any] | None:
        try:
            message = json.loads(body)
        except ValueError:
            return None
        types = {"zb": int, "site": str, "home": str, "t": int, "n": str, "epoch": int, "enc": str, "d": str}
        types["sig"] = str
        if not isinstance(message, dict) or message.keys() != types.keys():
            return None
        shaped = (
            all(type(message[name]) is kind for name, kind in types.items())
            and re.fullmatch("[0-9a-f]{64}", message["home"])
            and re.fullmatch("[0-9a-f]{32}", message["n"])
            and re.fullmatch("[0-9a-f]{64}", message["sig"])
            and re.fullmatch("[A-Za-z0-9_-]*", message["d"])
            and message["enc"] in ("gz", "raw")
            and message["epoch"] >= 0
        )
        if not shaped or not self.paired or message["site"] != self.site:
            return None
        if self.next_key and message["sig"] == signature_of(self.next_key, message):
            self.key, self.next_key = self.next_key, ""  # its first use
        return message if message["sig"] == signature_of(self.key, message) else None

    def _refusal(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """Return the error of a request that is refused as a whole, in the order of the contract."""
        now = int(self.clock())
        if not self.protocols[0] <= message["zb"] <= self.protocols[1]:
            return {"code": "update", "text": ""}
        if message["home"] != hashlib.sha256(self.home.encode()).hexdigest():
            return {"code": "moved", "text": "", "home": self.home}
        if abs(message["t"] - now) > 300:
            return {"code": "clock", "text": ""}
        if message["n"] in self.nonces or message["t"] <= self.watermark:
            return {"code": "replayed", "text": ""}
        self.nonces[message["n"]] = (message["t"], f"{now}|")
        for nonce in [nonce for nonce, (then, _) in self.nonces.items() if then < now - 900]:
            self.watermark = max(self.watermark, self.nonces.pop(nonce)[0])
        if message["epoch"] < self.epoch:
            return {"code": "superseded", "text": "", "epoch": self.epoch}
        self.epoch = message["epoch"]
        return None

    def _is_request(self, payload: Any) -> bool:
        if not isinstance(payload, dict) or payload.keys() != {"quiet", "budget_ms", "ack", "operations"}:
            return False
        operations = payload["operations"]
        items = [one.get("i") for one in operations]
        return (
            isinstance(payload["quiet"], bool)
            and 100 <= payload["budget_ms"] <= 20_000
            and 1 <= len(operations) <= 100
            and len(set(items)) == len(items)
            and len(payload["ack"]) <= 200
            and all(
                isinstance(one, dict)
                and one.keys() == {"post", "version"}
                and type(one["post"]) is int
                and re.fullmatch("[0-9a-f]{16}", str(one["version"]))
                for one in payload["ack"]
            )
            and all(type(item) is int and 0 <= item <= 99 for item in items)
        )

    def _answer(self, message: dict[str, Any], inner: dict[str, Any]) -> Body:
        inner = {"changed": []} | inner
        inner |= {
            "highest": dict(zip(("epoch", "seq"), self.highest, strict=True)),
            "protocols": list(self.protocols),
            "vczapi": self.vczapi,
            "vczapi_pro": self.vczapi_pro is not None,
            "can": {"trash": self.trash},
        }
        return 200, answer_of(self.key, message["n"], int(self.clock()), inner)

    # --- Operations ---------------------------------------------------------------------------------------

    def _carry_out(self, operation: dict[str, Any], epoch: int) -> dict[str, Any]:
        self.step("before", operation)
        known = not {operation["op"], *operation} & {*self.unknown}
        if not known or not _is_operation(operation):
            return _fault("invalid")
        if "seq" in operation:
            return self._change(operation, (epoch, operation["seq"]))
        answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "hello": self._hello,
            "find": self._find,
            "read": self._read,
            "outcome": self._outcome,
            "choices": lambda _: {"choices": [{"id": 1, "name": "admin"}]},
            "sweep": self._sweep,
            "rotate": self._rotate,
            "address": self._address,
            "unpair": self._unpair,
        }
        return {"ok": True} | answers[operation["op"]](operation)

    def _change(self, operation: dict[str, Any], seq: tuple[int, int]) -> dict[str, Any]:
        if "post" in operation:
            post = self.posts.get(operation["post"])
            obstacle = _missing(operation) if post is None else self._order(operation, post, seq)
        else:
            post = next(iter(self.of(operation["number"])), None)
            obstacle = self._making(operation, post, seq)
        if obstacle is None and operation["op"] == "trash" and not self.trash:
            obstacle = _fault("no_trash")
        result = obstacle or self._effect(operation, post, seq)
        if result["ok"]:
            self.highest = max(self.highest, seq)
        return result

    def _order(
        self, operation: dict[str, Any], post: PostDouble, seq: tuple[int, int]
    ) -> dict[str, Any] | None:
        number = post.metas.get("number")
        if number != operation["number"] and (number is not None or operation["op"] != "write"):
            return _missing(operation)
        if post.seq == seq:
            same = post.last_op == operation["op"]
            return self._stands(post) | {"already": True} if same else _fault("invalid")
        return _fault("stale") | self._told(post) if post.seq is not None and post.seq > seq else None

    def _making(
        self, operation: dict[str, Any], post: PostDouble | None, seq: tuple[int, int]
    ) -> dict[str, Any] | None:
        if post is not None:
            same = post.seq == seq and post.last_op == operation["op"]
            return self._stands(post) | {"already": True} if same else _fault("exists") | {"post": post.id}
        if seq <= self.graves.get(operation["number"], (-1, 0)):
            return _fault("stale")
        return _fault("busy") if self.saving else None

    def _effect(
        self, operation: dict[str, Any], post: PostDouble | None, seq: tuple[int, int]
    ) -> dict[str, Any]:
        name = operation["op"]
        if post is None:
            post = PostDouble(self._next_id(), status="draft", metas={"number": operation["number"]})
            post.wrote, post.made = {"title": "", "content": ""}, True
            self.posts[post.id] = post
        self.writes[name, post.id, seq[1]] += 1
        if name == "delete":
            del self.posts[post.id]
            self.graves[operation["number"]] = seq
            self.step("after", operation)
            return {"ok": True, "post": post.id, "status": "deleted"}
        took = {}
        match name:
            case "write":
                keeps = operation.get("keep_title", False) and "post" in operation and post.has_editors_title
                written = {name: value for name, value in operation.items() if name != "title" or not keeps}
                took = _write(post, written) | ({"title": {"kept": post.title}} if keeps else {})
                post.wrote |= {text: getattr(post, text) for text in ("title", "content") if text in written}
            case "trash" if post.status != "trash":
                post.status, post.trashed_from = "trash", post.status
            case "restore" if post.status == "trash":
                post.status = operation.get("status") or post.trashed_from or "draft"
                post.trashed_from = None
        if "post" in operation:  # a new post has its metas from the beginning
            self.step("half", operation)
        post.seq, post.last_op, post.written, post.managed = seq, name, _digest(post), True
        _leave(post, operation)
        self.step("after", operation)
        return self._stands(post) | ({"took": took} if name == "write" else {})

    def _stands(self, post: PostDouble) -> dict[str, Any]:
        return {"ok": True, "post": post.id} | self._told(post)

    def _told(self, post: PostDouble) -> dict[str, Any]:
        return {
            "post": post.id,
            "link": f"{self.home}/?p={post.id}",
            "status": post.status,
            "password": post.password,
            "seq": None if post.seq is None else "{}.{}".format(*post.seq),
            "digest": _digest(post),
            "by": "bridge" if post.written == _digest(post) else None,
            "own_texts": [
                name for name in ("title", "content") if getattr(post, name) == post.wrote.get(name)
            ],
            "editors_title": post.has_editors_title,
        }

    def _find(self, operation: dict[str, Any]) -> dict[str, Any]:
        hint = self.posts.get(operation.get("hint", 0))
        known = [hint] if hint is not None and hint.managed else []
        return {
            "posts": {
                number: [
                    {"post": post.id, "status": post.status, "managed": post.managed}
                    for post in [post for post in known if post.metas.get("number") == number]
                    or self.of(number)
                ]
                for number in operation["numbers"]
            }
        }

    def _read(self, operation: dict[str, Any]) -> dict[str, Any]:
        post = self.posts.get(operation["post"])
        return _missing(operation) if post is None else self._stands(post) | {"state": _state(post)}

    def _changed(self, post_id: int) -> dict[str, Any]:
        post = self.posts.get(post_id)
        stands = {"status": "deleted"} if post is None else self._swept(post)
        return {"post": post_id} | stands | self.changes[post_id]

    def _swept(self, post: PostDouble) -> dict[str, Any]:
        told = self._told(post)
        kept = {name: told[name] for name in ("post", "link", "status", "password", "digest")}
        return kept | {
            "number": post.metas.get("number", ""),
            "ours": told["by"] == "bridge",
            "altered": _altered(post),
            "editors_title": told["editors_title"],
        }

    def _sweep(self, operation: dict[str, Any]) -> dict[str, Any]:
        known = sorted(post.id for post in self.posts.values() if post.managed)
        ids = [post for post in known if post > operation["after"]][:500]
        posts = [self._swept(self.posts[post]) for post in ids]
        return {"posts": posts, "next": ids[-1] if len(ids) == 500 else None}

    def _outcome(self, operation: dict[str, Any]) -> dict[str, Any]:
        row = self.nonces.get(operation["n"])
        if row is None:
            return {"known": False, "at": None, "done": False}
        item = row[1].partition("|")[2]
        return {"known": True, "at": int(item) if item.isdigit() else None, "done": item == "done"}

    def _unpair(self, _operation: dict[str, Any]) -> dict[str, Any]:
        self.paired = False
        return {"paired": False}

    def _rotate(self, operation: dict[str, Any]) -> dict[str, Any]:
        own = X25519PrivateKey.generate()
        public = base64.urlsafe_b64encode(own.public_key().public_bytes_raw()).decode().rstrip("=")
        other = X25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(operation["e"] + "="))
        material = own.exchange(other) + self.key.encode()
        extracted = hmac.digest(bytes(32), material, "sha256")
        info = f"zoombridge rotation\n{operation['e']}\n{public}"
        self.next_key = hmac.digest(extracted, info.encode() + b"\x01", "sha256").hex()
        return {"e": public}

    def _address(self, operation: dict[str, Any]) -> dict[str, Any]:
        if self.accepts_late and operation["bridge"] == self.bridge["address"]:
            self.bridge, self.accepts_late = self.bridge | {"address": self.offered}, False
        self.offered = "" if operation["bridge"] == self.bridge["address"] else operation["bridge"]
        return {
            "bridge": self.bridge["address"],
            "declined": self.offered != "" and self.offered == self.declined,
        }

    def _hello(self, operation: dict[str, Any]) -> dict[str, Any]:
        called: dict[str, Any] = {"bridge": self.bridge} if operation.get("call") else {}
        if "visit" in operation:
            called["visit"], self.visit = self.visit, operation["visit"]
        self.alerts = operation.get("alerts", self.alerts)
        return (
            called
            | {
                "version": self.version,
                "home": self.home,
                "type": "stub",
                "page": f"{self.home}/wp-admin/edit.php?post_type=zoom-meetings&page=zoombridge",
                "endpoints": {"meeting": f"{self.home}/wp-json/vczapi/v1/meeting"},
                "nonces": self.nonces_are_unique,
                "charset": "utf8mb4",
                "trash": self.trash,
                "rest": f"{self.home}/wp-json/",
                "vczapi_pro": self.vczapi_pro,
                "others": self.others,
                "loader": self.loader,
            }
            | ({"name": "Choir", "place": self.place} if self.place else {})
        )

    def _next_id(self) -> int:
        self.last_id += 1  # an ID is not given twice
        return self.last_id


def _held(post: PostDouble) -> dict[str, str]:
    return {name: json.dumps(value, default=str) for name, value in post.metas.items() if name in METAS}


def _leave(post: PostDouble, operation: dict[str, Any]) -> None:
    """Keep how an operation leaves the metas: what it does not write stays as it was known."""
    now = _held(post)
    if post.left is None:
        post.left = now
        return
    given = operation.get("metas", {})
    written = {*given.get("set", {}), *given.get("lay_over", {}), *given.get("remove", [])}
    kept = {name: value for name, value in post.left.items() if name not in written}
    post.left = kept | {name: value for name, value in now.items() if name in written}


def _altered(post: PostDouble) -> list[str] | None:
    if post.left is None:
        return None
    now = _held(post)
    return sorted(name for name in {*now, *post.left} if now.get(name) != post.left.get(name))


def _digest(post: PostDouble) -> str:
    text = json.dumps([post.title, post.content, post.status, sorted(post.metas.items())], default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _is_operation(operation: dict[str, Any]) -> bool:
    fields = FIELDS.get(operation["op"])
    if fields is None:
        return False
    given = {name: value for name, value in operation.items() if name not in ("i", "op")}
    known = {name.rstrip("?"): kind for name, kind in fields.items()}
    needed = {name for name in fields if not name.endswith("?")}
    if not needed <= given.keys() <= known.keys():
        return False
    if any(type(value) is not known[name] for name, value in given.items()):
        return False
    if operation["op"] == "hello" and operation.get("visit", 1) < 1:
        return False
    if operation["op"] == "sweep" and operation["after"] < 0:
        return False
    statuses = ("publish", "draft", "pending", "private")
    metas = given.get("metas", {})
    return (
        given.get("status", "draft") in statuses
        and metas.keys() <= {"set", "lay_over", "remove"}
        and set(metas.get("set", {})) <= set(PLAIN)
        and set(metas.get("lay_over", {})) <= {"details", "fields", "pro"}
        and set(metas.get("remove", [])) <= set(METAS) - {"number"}
    )


def _write(post: PostDouble, operation: dict[str, Any]) -> dict[str, Any]:
    """Change a post; return `took`."""
    took: dict[str, Any] = {}
    for name in ("title", "content", "status"):
        if name in operation:
            value = operation[name]
            if name == "title":
                value = value.replace("<", "&lt;").replace(">", "&gt;")
            setattr(post, name, value)
            took[name] = True
    if "status" in operation:
        post.trashed_from = None
    metas = operation.get("metas", {})
    for name, value in metas.get("set", {}).items():
        post.metas[name] = value
        took[name] = True
    for name, value in metas.get("lay_over", {}).items():
        old = post.metas.get(name) or {}
        new = json.loads(value) if name == "details" else value
        post.metas[name] = _lay_over(old, new, "settings" if name == "details" else "")
        took[name] = True
    for name in metas.get("remove", []):
        post.metas.pop(name, None)
        took[name] = True
    return took


def _lay_over(old: dict[str, Any], new: dict[str, Any], deeper: str = "") -> dict[str, Any]:
    """Lay new values over old ones: a null removes, one key goes a level deeper, a start_url never stays."""
    result = copy.deepcopy(old)
    for key, value in new.items():
        result[key] = _lay_over(old.get(key) or {}, value) if key == deeper else copy.deepcopy(value)
    return {key: value for key, value in result.items() if value is not None and key != "start_url"}


def _state(post: PostDouble) -> dict[str, Any]:
    metas = {name: post.metas.get(name) for name in METAS}
    if metas["details"] is not None:
        metas["details"] = json.dumps(metas["details"])
    return {
        "title": post.title,
        "content": post.content,
        "status": post.status,
        "author": post.author,
        "metas": metas,
        "trashed_from": post.trashed_from,
    }


def _fault(code: str) -> dict[str, Any]:
    return {"ok": False, "code": code, "text": f"told by the plugin: {code}"}


def _missing(operation: dict[str, Any]) -> dict[str, Any]:
    return _fault("missing") | {"post": operation["post"]}

"""Operations of the sync protocol and their results. Pure. `operations_json` writes and reads them.

The protocol is specified in docs/sync.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from core.wordpress.responses import Choice

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_OPERATIONS = 100
"""Most operations in one request, and most numbers in one `Find`."""


MOST_CHOICES = 100
"""Most authors, and most categories, that a site lists."""


class Position(NamedTuple):
    """The place of a write in the order of all writes to a site: the bridge's epoch, then its counter."""

    epoch: int
    seq: int


@dataclass(frozen=True, slots=True)
class Hello:
    """Read what the plugin and the site can do; returns a `Greeting`. With `call`, the plugin calls the bridge.

    `visit` (from 1) is stored by the site, which answers with the one before. `alerts` is the number of critical alerts of
    the site and their digest, which its administrators are told.
    """

    call: bool = False
    visit: int | None = None
    alerts: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Rotate:
    """Agree on the next key; returns a `Rotated`. `public_key` is the bridge's (X25519, base64url)."""

    public_key: str


@dataclass(frozen=True, slots=True)
class Address:
    """Offer another address of the bridge to the site's administrators; returns an `AddressOffered`.

    `bridge` has no slash at the end. Nothing changes until one of them accepts it.
    """

    bridge: str


@dataclass(frozen=True, slots=True)
class Unpair:
    """End the pairing; returns `Unpaired`. The site then refuses the key."""


@dataclass(frozen=True, slots=True)
class Find:
    """Find the posts of up to 100 meeting numbers; returns a `Found`. `hint` is a post to look at first."""

    numbers: tuple[str, ...]
    hint: int | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """Read a post; returns a `Standing` with its `state`."""

    post: int


@dataclass(frozen=True, slots=True)
class Metas:
    """Changes of a post's metas, by the names of docs/sync.md; what is not named stays.

    `set` replaces plain ones. `lay_over` merges objects into those that are there: JSON text for `details`,
    mappings for `fields` and `pro`; a null value removes that key. `remove` deletes whole metas.
    """

    set: Mapping[str, str | int] = field(default_factory=dict)
    lay_over: Mapping[str, str | Mapping[str, Any]] = field(default_factory=dict)
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Write:
    """Change a post, or create one where `post` is None; returns a `Standing`. What is None stays as it is.

    `host` (a Zoom host ID), `author` (a user's ID) and `terms` (IDs of categories) count only for a new post;
    `slug`, the text that its address is made from instead of the title, for one that has no address yet.
    `keep_title`: a title that an editor has given to a post of the bridge's making stays; earlier plugins refuse it.
    """

    seq: int
    number: str
    post: int | None = None
    title: str | None = None
    keep_title: bool = False
    slug: str | None = None
    content: str | None = None
    status: str | None = None
    host: str | None = None
    author: int | None = None
    terms: tuple[int, ...] = ()
    metas: Metas | None = None


@dataclass(frozen=True, slots=True)
class Trash:
    """Move a post to the trash; returns a `Standing`."""

    seq: int
    number: str
    post: int


@dataclass(frozen=True, slots=True)
class Restore:
    """Restore a post from the trash, with `status` or the status before; returns a `Standing`."""

    seq: int
    number: str
    post: int
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a post permanently; returns `Deleted`."""

    seq: int
    number: str
    post: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Ask how far the request with this nonce came; returns a `Progress`."""

    nonce: str


class ChoiceKind(StrEnum):
    """What a site's owner chooses from in the rules."""

    AUTHORS = "authors"
    CATEGORIES = "categories"


@dataclass(frozen=True, slots=True)
class Choices:
    """List users who may be authors, or categories; returns a list of `Choice`."""

    kind: ChoiceKind


@dataclass(frozen=True, slots=True)
class Sweep:
    """List the posts that the bridge manages, with IDs above `after`; returns a `Swept`."""

    after: int = 0


WriteOperation = Write | Trash | Restore | Delete
PairingOperation = Rotate | Address | Unpair
SiteOperation = Hello | Outcome | Choices | Sweep | PairingOperation
Operation = SiteOperation | Find | Read | WriteOperation


@dataclass(frozen=True, slots=True)
class State:
    """A post as it is stored: raw rows, not what is shown. `metas` never hold a `start_url`."""

    title: str
    content: str
    status: str
    author: int
    metas: Mapping[str, Any]
    trashed_from: str | None


@dataclass(frozen=True, slots=True)
class AddressOffered:
    """What the site knows of an offered address. It still calls the bridge at `bridge`.

    `declined`: an administrator of the site has declined the offered one.
    """

    bridge: str
    declined: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in a post, that is: what is stored of it after an operation, read back from the database.

    `position` is that of the last write of a bridge and `by` who changed the post last: bridge, user, plugin or cron;
    None where it is unknown. `password`: visitors have to enter one. `own_texts` holds those of "title" and "content" that
    stand as the bridge last wrote them, whoever has changed other parts since; earlier plugins tell none. `editors_title`: an
    editor has given the post a title, and no form of VCZAPI's sends it to Zoom; None where the plugin does not tell.
    `already`: the same operation was carried out before, and nothing was written now.
    `became` holds the fields and metas that did not take what was sent, with what is stored instead. `kept_title` is the
    editor's title that a write with `keep_title` left. `state` is there after a `Read`.
    """

    post: int
    link: str
    status: str
    position: Position | None
    digest: str
    by: str | None
    password: bool = False
    own_texts: frozenset[str] = frozenset()
    editors_title: bool | None = None
    already: bool = False
    became: Mapping[str, Any] = field(default_factory=dict)
    kept_title: str | None = None
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Deleted:
    """A post that is deleted."""

    post: int


@dataclass(frozen=True, slots=True)
class FoundPost:
    """A post of a number. `managed`: the bridge manages it."""

    post: int
    status: str
    managed: bool


@dataclass(frozen=True, slots=True)
class Found:
    """The posts of each number: those outside the trash first, then by ID."""

    posts: Mapping[str, tuple[FoundPost, ...]]


@dataclass(frozen=True, slots=True)
class PostReport:
    """What stands in a post that the bridge manages, after a change or a write, or as a sweep found it.

    `number` is the meeting's, None where the post holds none. `status` is WordPress's, or `deleted`. `digest` is empty
    where it is deleted. `ours`: nothing that the bridge writes has changed since its last operation. `by` is who
    changed it last: bridge, user, plugin, cron; None where that is unknown. `at` is when, in Unix seconds, and `version`
    what is acknowledged; both are there only for changes of others. `altered` are the names of the bridge's metas that
    others have changed since its last operation; None where the site does not know. `editors_title`: see `Standing`.
    """

    post: int
    number: int | None
    status: str
    link: str = ""
    password: bool = False
    digest: str = ""
    ours: bool = False
    by: str | None = None
    at: int | None = None
    version: str = ""
    altered: tuple[str, ...] | None = None
    editors_title: bool | None = None


DELETED = "deleted"
"""The status of a post that is deleted."""


@dataclass(frozen=True, slots=True)
class Swept:
    """A page of a sweep. `next`: the ID after which the next page begins; None after the last."""

    posts: tuple[PostReport, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a request came. `at` is the item that it was working on; `done`: it came to its end."""

    known: bool
    at: int | None
    done: bool


@dataclass(frozen=True, slots=True)
class BridgeCall:
    """The plugin's call of the bridge, at `address`. `message` says why it failed, and is empty if it succeeded.

    `reached`: an answer came that the bridge has signed. `status` is its HTTP status, or that of another answer.
    """

    address: str
    reached: bool
    status: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Rotated:
    """The plugin keeps the next key, and takes both until it is used. `public_key` is the plugin's."""

    public_key: str


@dataclass(frozen=True, slots=True)
class Unpaired:
    """The pairing has ended."""


class LoaderState(StrEnum):
    """How it stands with the plugin's loader, a must-use plugin that forwards events before other plugins load."""

    NONE = "none"  # not installed, and not wanted
    ACTIVE = "active"
    OUTDATED = "outdated"  # its file is not what the plugin would write
    MISSING = "missing"  # it was installed, and its file is gone


@dataclass(frozen=True, slots=True)
class Loader:
    """The plugin's loader. `writable`: the web server can write its file."""

    state: LoaderState
    writable: bool


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the plugin and the site can do.

    `type_owner` is who registered the post type: `stub` or `other`. `page` is the address of the Webhooks
    page in wp-admin. `nonces`: the database refuses a second row of one nonce. `charset` is the narrowest of
    the columns that hold texts. `trash`: posts can be moved to the trash. `name` is that of the site, and
    `place` the digest of WordPress's folder and database, by which copies differ; both are empty where the
    plugin does not tell. `visit` is the bridge's visit before this one, 0 for none; None where no visit was
    told. `vczapi_pro` is the version of VCZAPI's PRO add-on, None where that is not active or earlier plugins
    do not tell it. `others` are IDs of posts that the bridge does not manage, of meetings that have one that
    it does: at most 20, none from the trash. `loader` is None where the plugin does not tell it. `bridge` is
    there after a call of the bridge.
    """

    version: str
    home: str
    type_owner: str
    page: str
    endpoints: Mapping[str, str]
    nonces: bool
    charset: str
    trash: bool
    rest_root: str
    bridge: BridgeCall | None = None
    name: str = ""
    place: str = ""
    visit: int | None = None
    vczapi_pro: str | None = None
    others: tuple[int, ...] = ()
    loader: Loader | None = None


@dataclass(frozen=True, slots=True)
class ItemFault:
    """An operation that was not carried out.

    `code` is one of missing, exists, busy, stale, no_trash, invalid, column, refused, failed, not_tried. `file` is where PHP
    died, below wp-content. `standing` is what stands, where the site told it.
    """

    code: str
    text: str
    file: str = ""
    post: int | None = None
    standing: Standing | None = None


Result = (
    Standing
    | Deleted
    | Found
    | Swept
    | Progress
    | Greeting
    | Rotated
    | AddressOffered
    | Unpaired
    | list[Choice]
)


@dataclass(frozen=True, slots=True)
class RequestFault:
    """A request that was refused as a whole: clock, replayed, superseded, moved, update or invalid."""

    code: str
    text: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Payload:
    """The payload of an answer. `results` are not parsed yet, by the number of their item.

    `highest` is the position of the last write that the site knows of, `protocols` the lowest and the highest version
    that the plugin speaks. `changed` are the changes of others that are not acknowledged. `vczapi` is the version of
    *Video Conferencing with Zoom*, None where that is not active.
    """

    error: RequestFault | None
    results: Mapping[int, Mapping[str, Any]]
    highest: Position | None
    protocols: tuple[int, int]
    vczapi: str | None
    vczapi_pro: bool
    can_trash: bool
    changed: tuple[PostReport, ...] = ()


def report_of(write: WriteOperation, result: Standing | Deleted) -> PostReport:
    """Return what stands after a write. `by` is the bridge where it gave the post its status."""
    number = int(write.number)
    sets_status = not isinstance(write, Write) or write.status is not None
    if isinstance(result, Deleted):
        return PostReport(result.post, number, DELETED, by="bridge")
    return PostReport(
        result.post,
        number,
        result.status,
        result.link,
        password=result.password,
        digest=result.digest,
        ours=True,
        by="bridge" if sets_status else None,
        editors_title=result.editors_title,
    )

"""The catalogue of sentences that core stores and pages show, in English. Pure.

A constant is a template: `%(name)s` stands for text, `%(name)d` for a whole number. Core fills it in and stores the
English text; `web.ui.message_translation` finds the template of a text again and translates it. `_` marks a text for extraction.
"""

from __future__ import annotations


def _(text: str) -> str:
    return text


# Why a meeting has no post.
RULE_NO_MEETINGS = _("The settings exclude meetings.")
RULE_NO_WEBINARS = _("The settings exclude webinars.")
RULE_INSTANT = _("It is an instant meeting, and the settings exclude those.")
RULE_PERSONAL_ROOM = _("It is in the host's personal meeting room, and the settings exclude those.")
RULE_HOST = _("Its host is not among those whose meetings the settings publish.")
RULE_TOPIC_EXCLUDED = _("Its topic matches “%(pattern)s”, which the settings exclude.")
RULE_TOPIC_UNMATCHED = _("Its topic matches none of the patterns that the settings publish.")
DELETED_PERMANENTLY = _("It was permanently deleted in Zoom.")
DELETED = _("It was deleted in Zoom. If it is recovered there, its page is restored.")
INCOMPLETE = _(
    "Zoom has not sent all of its details yet (missing: %(missing)s). Its page is created when Zoom sends them; to "
    "make Zoom send them now, change the meeting in Zoom and save it."
)
MISSING_TOPIC = _("its topic")
MISSING_JOIN_LINK = _("its join link")
MISSING_TYPE = _("its type")
MISSING_TIME = _("its time")
PAGE_DELETED = _("Its page was permanently deleted on the site.")
PAGE_DELETED_RECREATE = _(
    "Its page was permanently deleted on the site. You can recreate it on the meeting's page."
)
PAGE_CURRENT = _("Its page is up to date.")
CHOICE_REJECTED = _(
    "WordPress did not accept the author or the category from the settings, so the page was created without them "
    "(%(evidence)s). Choose others on the page Settings."
)
FIELDS_REWRITTEN = _(
    "The page was written, but WordPress or another plugin changed some of it on saving (%(fields)s). What stands there "
    "now is kept."
)
FIELDS_ACCEPTED = _(
    "Another plugin, or a scheduled task of WordPress, has changed details of the page again after the bridge had written "
    "them (%(fields)s). What stands there now is kept until the meeting changes in Zoom, or the page is resynced."
)
PAGE_DRAFTED = _(
    "The trash is disabled on this site (EMPTY_TRASH_DAYS is 0 in wp-config.php), so the page was made a draft instead."
)

# Stored rules that could not be read.
RULES_INVALID = _("The stored rules could not be read. The default rules apply instead.")
RULE_OFF = _("The stored value of “%(name)s” is invalid, so it is off.")
RULE_STRICTEST = _("The stored value of “%(name)s” is invalid, so “%(value)s” applies.")
RULE_DEFAULT = _("The stored value of “%(name)s” is invalid, so the default applies.")
RULE_PARTIAL = _("The stored value of “%(name)s” is partly invalid, so only its valid part applies.")
RULE_EMPTY = _("The stored value of “%(name)s” is invalid, so it is empty.")

# Why an event is ignored, and what a batch of recordings led to.
EVENT_NOT_PROCESSED = _("The bridge does not process events of this type.")
WAITING_FOR_GRANT = _("Its Zoom account is not granted to this site.")
EVENT_NO_MEETING = _("The event contains no meeting number.")
EVENT_NO_RECORDING = _("The event contains no recording.")
EVENT_NO_USER = _("The event names no user.")

# Why an authentic request could not be read.
UNREADABLE_ENCODING = _("The body is not JSON: byte %(position)d is not valid UTF-8.")
UNREADABLE_JSON = _("The body is not JSON: it is malformed at character %(position)d.")
UNREADABLE_NUMBER = _("The body is not JSON: it contains NaN, Infinity or a number that is too large.")
UNREADABLE_DEEP = _("The body is JSON, but nested deeper than any event of Zoom.")
UNREADABLE_SHAPE = _("The body is JSON, but not an object.")
UNREADABLE_EVENT = _("The body is JSON, but its “event” is missing, or not a text.")
UNREADABLE_NAME = _(
    "The body is JSON, but its “event” is not the name of an event: it is empty, too long, or contains control "
    "characters."
)
UNREADABLE_PAYLOAD = _("The body is JSON, but its “payload” is missing, or not an object.")
UNREADABLE_VALIDATION = _("The validation of the endpoint contains no “plainToken” that can be answered.")
UNREADABLE_FAULT = _("The bridge failed to read the body (%(error)s). That is a fault in the bridge.")

# Answers to requests that are too large to keep.
TOO_LARGE = _("The body is over 1 MiB, and no event of Zoom's is.")
TOO_LARGE_FOR_PHP = _(
    "WordPress received %(size)d bytes, but PHP did not hand them on. Nothing is lost: Zoom sends again."
)
UNVERIFIED_LARGE = _("%(reason)s It is too large for the quarantine. Nothing is lost yet: Zoom sends again.")

BATCH_ONE = _("It names 1 recording.")
BATCH_MANY = _("It names %(count)d recordings.")
BATCH_ONE_KNOWN = _("1 has an event of its own in the log of its meeting.")
BATCH_MANY_KNOWN = _("%(count)d have events of their own in the logs of their meetings.")
BATCH_ONE_PENDING = _("1 belongs to no known meeting yet and is pending until Zoom sends that meeting.")
BATCH_MANY_PENDING = _(
    "%(count)d belong to no known meeting yet and are pending until Zoom sends those meetings."
)
# What an event about a user led to.
HOST_NO_MEETINGS = _("The bridge knows no upcoming meeting of this user.")
HOST_ONE = _("1 meeting of this user is compared with Zoom.")
HOST_MANY = _("%(count)d meetings of this user are compared with Zoom.")
HOST_ONE_UNCHECKED = _(
    "1 meeting of this user may have changed or be gone. The bridge cannot ask Zoom, because the account is not "
    "connected: add it on the page Zoom accounts."
)
HOST_MANY_UNCHECKED = _(
    "%(count)d meetings of this user may have changed or be gone. The bridge cannot ask Zoom, because the account is "
    "not connected: add it on the page Zoom accounts."
)

# Why a request was refused.
NO_SECRET = _(
    "No secret token is saved for this endpoint yet. Copy it from your app in the Zoom App Marketplace "
    "(Features > Access; in a Server-to-Server OAuth app: Feature) to the page Webhooks."
)
NO_SECRET_TO_VALIDATE = _(
    "Zoom asks to validate this endpoint, which requires the secret token. Copy it from your app in the Zoom App "
    "Marketplace (Features > Access; in a Server-to-Server OAuth app: Feature) to the page Webhooks."
)
NOT_SIGNED = _("The request carries neither Zoom's signature nor its verification token.")
NO_SECRET_TO_CHECK = _("The request is signed, but no secret token is saved to verify it with.")
WRONG_VERIFICATION_TOKEN = _(
    "The request's verification token differs from the one saved here. Copy it again from your app in the Zoom App "
    "Marketplace (Features > Access; in a Server-to-Server OAuth app: Feature), or better, save the secret token."
)
RETIRED_VERIFICATION_TOKEN = _(
    "The request carries only the older verification token. Zoom signs what it sends to this site, so the token alone "
    "proves nothing any more. If the request is Zoom's, something on the way removes the header x-zm-signature."
)
WRONG_SECRET = _(
    "Zoom signed this with a different secret token than the one saved here, or the request was changed on its way. "
    "Copy the secret token again from your app in the Zoom App Marketplace (Features > Access; in a "
    "Server-to-Server OAuth app: Feature)."
)
SIGNED_LONG_AGO = _(
    "The request was signed %(seconds)d seconds ago; %(allowed)d are allowed. Check the clock of the bridge's machine."
)
SIGNED_IN_FUTURE = _(
    "The request was signed %(seconds)d seconds ahead of this clock; %(allowed)d are allowed. Check the clock of the "
    "bridge's machine."
)
OTHER_ACCOUNT = _("The request is signed with the secret of another Zoom account than %(account)s.")

# Why a WordPress site did not answer a request as it should.
SITE_UNREACHABLE = _(
    "The site could not be reached: %(reason)s. The bridge retries automatically; check that the site opens in a "
    "browser, and that nothing blocks requests from the bridge's server."
)
NO_SECURE_CONNECTION = _("no secure connection could be made")
NO_ALLOWED_ADDRESS = _(
    "there is no such address, or it is inside a network that the bridge's administrator has not allowed"
)
SERVER_SILENT = _("its server does not answer")
SERVER_REFUSES = _("its server refuses the connection")
NO_WEB_ADDRESS = _("its address is not a web address")
ANSWER_TOO_LATE = _("it took too long to answer")
CONNECTION_LOST = _("the connection broke off")
NO_ANSWER = _("it gave no answer")
CERTIFICATE_UNTRUSTED = _(
    "The site's HTTPS certificate cannot be trusted, so nothing was sent. Renew or repair the certificate of the "
    "site; the bridge retries automatically."
)
PLUGIN_MISSING = _(
    "The plugin “Meetings Bridge for Zoom” does not answer on this site. Install it, or activate it again under Plugins "
    "in wp-admin; the bridge then continues automatically."
)
PLUGIN_DEACTIVATED = _(
    "The plugin “Meetings Bridge for Zoom” was deactivated in WordPress on %(time)s UTC. The pages of meetings stay, but "
    "are not updated, and Zoom's events do not arrive. Activate it again under Plugins in wp-admin; the bridge then "
    "continues automatically."
)
PLUGIN_UNINSTALLED = _(
    "The plugin “Meetings Bridge for Zoom” was deleted in WordPress on %(time)s UTC. The pages of meetings stay, but are "
    "not updated, and Zoom's events do not arrive. To go on, connect the site again; otherwise disconnect it here."
)
ANSWER_TOO_LARGE = _(
    "The site answered with more than %(size)d MiB instead of a few kilobytes. Check what answers at its REST API "
    "(/wp-json/); the bridge retries automatically."
)
SITE_MOVED = _(
    "The site redirects the bridge to another address. In wp-admin, under Settings > General, enter the Site Address that "
    "a browser shows once the page is open; then connect the site again."
)
SITE_MOVED_TO = _(
    "The site redirects the bridge to another address (%(address)s). In wp-admin, under Settings > General, enter the Site "
    "Address that a browser shows once the page is open; then connect the site again."
)
SITE_BUSY = _(
    "The site asks the bridge to retry later: it is busy, or being updated. The bridge retries automatically."
)
TRASH_DISABLED = _(
    "The trash is disabled on this site (EMPTY_TRASH_DAYS is 0 in wp-config.php), so the page was not changed. "
    "Enable the trash, or delete the page by hand."
)
SITE_ERROR = _(
    "The site failed to process the request (HTTP %(status)d). The bridge retries automatically; if it lasts, see "
    "the error log of WordPress or of its web server."
)
SITE_ERROR_PAGE = _(
    "The site failed to process the request (HTTP %(status)d) and returned a page that says: “%(page)s”. The bridge "
    "retries automatically; if it lasts, see the error log of WordPress or of its web server."
)
REST_API_MISSING = _(
    "WordPress's REST API is no longer at this address. Check that the site is up, and connect it again. The page "
    "says: “%(page)s” (HTTP %(status)d)."
)
PAGE_NOT_REST_API = _(
    "A page was returned where WordPress's REST API should have answered. Usually a firewall or a security plugin "
    "causes this, or a maintenance page: let requests from the bridge's server to /wp-json/ through. The page says: "
    "“%(page)s” (HTTP %(status)d)."
)
EMPTY_PAGE = _("nothing")
PAGE_EXISTS = _("This meeting already has a page on the site.")
PAGE_BUSY = _("A meeting is being saved on the site, perhaps this one. The bridge retries in a moment.")
PAGE_MISSING = _("The page no longer exists: it was deleted on the site.")
REQUEST_REJECTED = _(
    "WordPress rejected the request: %(evidence)s. The other pages of the site are not affected."
)
WRITE_STALE = _(
    "A later change has reached this page first, so this one was not written. Nothing is lost: the page shows the "
    "later one. If the bridge's database was restored from a backup, connect the site again: then it writes everything."
)
WRITE_DIED = _(
    "WordPress stopped while it wrote this page. Nothing is lost: the bridge retries automatically; if it lasts, see "
    "the error log of WordPress."
)
WRITE_DIED_IN = _(
    "WordPress stopped while it wrote this page, in %(file)s. Nothing is lost: the bridge retries automatically; if it "
    "lasts, update or deactivate the plugin or theme of this file."
)
DATABASE_REFUSED = _(
    "The site's database did not store the page (%(evidence)s). Usually a column of it is too small, or does not allow "
    "some characters: repair the database in WordPress, or ask the site's host."
)
PAGE_TOO_LARGE = _(
    "The page is too large to be sent to the site. Shorten the description of the meeting in Zoom. The other pages of "
    "the site are not affected."
)
SITE_CLOCK = _(
    "The site takes the bridge's requests for old ones: the clock of its server jumps, or was set back. Synchronize it "
    "over the network (NTP); the bridge retries automatically."
)
SITE_HOME_CHANGED = _(
    "WordPress has another address than when this site was connected: it has moved, or is a copy. Nothing is written "
    "there. If it has moved, connect it again."
)
SITE_HOME_CHANGED_TO = _(
    "WordPress has another address (%(address)s) than when this site was connected: it has moved, or is a copy. Nothing "
    "is written there. If it has moved, connect it again."
)
SERVER_ASKS_PASSWORD = _(
    "The web server in front of WordPress asks for a user name and password of its own, before WordPress is asked. Enter "
    "them in the bridge, on the page of this site: they are stored encrypted, and sent with every request to the site."
)
SYNC_BLOCKED = _(
    "The plugin “Meetings Bridge for Zoom” does not answer on this site. Usually it is deactivated, or a firewall or a "
    "security plugin blocks requests from the bridge's server: let POST requests to /wp-json/zoombridge/v1/sync or "
    "/?zoombridge_sync=1 through. The page says: “%(page)s” (HTTP %(status)d)."
)
PAIRING_REFUSED = _(
    "The plugin “Meetings Bridge for Zoom” on this site does not accept this bridge's key. It is paired with another "
    "bridge, or was paired anew. Connect the site again."
)
PLUGIN_OUTDATED = _(
    "The plugin “Meetings Bridge for Zoom” on this site is too old for this bridge. Update the plugin: download it on the "
    "page of this site, or create it with zoombridge plugin; upload it in wp-admin under Plugins > Add New, and activate "
    "it. Events are received meanwhile, and pages are then written automatically."
)
BRIDGE_OUTDATED = _(
    "The plugin “Meetings Bridge for Zoom” on this site is too new for this bridge. Update the bridge; events are "
    "received meanwhile, and pages are then written automatically."
)
BRIDGE_SUPERSEDED = _(
    "Another bridge has taken over this site, so this one no longer writes to it. Shut down the one that is not needed; "
    "if it is the other one, connect the site again here."
)

# Why Zoom's REST API did not answer a request as it should.
ZOOM_ERROR = _("Zoom did not answer the request for %(path)s: %(reason)s (status %(status)d).")
ZOOM_ERROR_CODE = _(
    "Zoom did not answer the request for %(path)s: %(reason)s (status %(status)d, code %(code)d)."
)
ZOOM_NO_REASON = _("no reason given")
ZOOM_TOKEN_REJECTED = _(
    "Zoom rejected the token of this account (%(reason)s). If this persists, check in the Zoom App Marketplace "
    "whether the Server-to-Server OAuth app is still active."
)
ZOOM_WEBINAR = _("%(path)s is a webinar.")
ZOOM_NOT_FOUND = _("Zoom has nothing at %(path)s: %(reason)s")
# Answers that tell nothing about whether a meeting exists.
ZOOM_INTERMEDIARY = _(
    "Something between the bridge and Zoom answered in Zoom's place (status %(status)d, without Zoom's JSON). Check "
    "whether a proxy or a firewall keeps the bridge's machine from api.zoom.us."
)
ZOOM_UNKNOWN_USER = _(
    "Zoom says that this user is not in the account (%(reason)s; status %(status)d, code %(code)d). If the user has "
    "left, transfer or delete their meetings in Zoom."
)
ZOOM_UNLICENSED = _(
    "Zoom does not let this user have meetings (%(reason)s; status %(status)d, code %(code)d). Assign the user a "
    "license in Zoom under User Management, or transfer their meetings."
)
ZOOM_NO_WEBINAR_PLAN = _(
    "Zoom does not let this user have webinars (%(reason)s; status %(status)d, code %(code)d). If there are webinars, "
    "assign the user a webinar license in Zoom under User Management."
)
ZOOM_INVALID_WEBINAR = _(
    "Zoom does not accept this number for a webinar (%(reason)s; status %(status)d, code %(code)d). Look for the "
    "webinar in Zoom, and delete it there if it is not needed."
)
ZOOM_UNKNOWN_ENDPOINT = _(
    "Zoom did not recognize the request for %(path)s (%(reason)s; status %(status)d, code %(code)d). The next "
    "reconciliation tries again."
)
ZOOM_FORBIDDEN = _(
    "Zoom does not permit the request for %(path)s (%(reason)s; status %(status)d, code %(code)d). Check the role of "
    "the app's owner in Zoom, and the app's scopes."
)
ZOOM_OTHER_MEETING = _(
    "Zoom's answer for %(path)s is about another meeting. The next reconciliation tries again."
)
ZOOM_CONTRADICTION = _(
    "Zoom's answers about this number contradict each other: %(reason)s The next reconciliation tries again."
)
NUMBER_MAY_HAVE_EXPIRED = _(
    "Zoom does not have this number any more. It may have expired: Zoom keeps numbers for 30 days after their last use. "
    "If the meeting was deleted, delete its page in WordPress."
)
NUMBER_IS_PERSONAL = _(
    "This number is a personal meeting ID, under which Zoom does not answer for the meetings scheduled with it. If the "
    "meeting was deleted, delete its page in WordPress."
)
ZOOM_NO_LIST = _("Zoom's answer for %(path)s holds no list.")
ZOOM_LIST_CHANGED = _("Zoom's list changed while it was read: %(reason)s")
ZOOM_OUTAGE = _(
    "Zoom has an internal problem (status %(status)d). The bridge retries automatically; see status.zoom.us."
)
ZOOM_DAILY_LIMIT = _(
    "The account has used up Zoom's limit for this day (%(reason)s). The bridge continues automatically when Zoom "
    "permits it again: %(time)s UTC."
)
ZOOM_RATE_LIMIT = _("Zoom limits the requests per second. The bridge waits and continues automatically.")
ZOOM_SCOPES_MISSING = _(
    "The Server-to-Server OAuth app is not permitted to do this. Add %(scopes)s under Scopes of your app in the Zoom "
    "App Marketplace, and activate it again. Zoom's message: %(reason)s"
)
ZOOM_SCOPES_UNNAMED = _("the scopes that Zoom's message names")
ZOOM_REPEATED_PAGE = _("Zoom returned the same page of %(path)s twice.")
ZOOM_ENDLESS_LIST = _("Zoom's list at %(path)s has no end.")
ZOOM_UNREACHABLE = _(
    "Zoom cannot be reached. The bridge retries automatically and treats nothing as deleted meanwhile. Check that its "
    "machine can connect to the internet."
)
ZOOM_NOT_JSON = _("Zoom's answer for %(path)s is not JSON.")
ZOOM_NOT_OBJECT = _("Zoom's answer for %(path)s is not an object.")
ZOOM_TOKEN_UNREADABLE = _(
    "Zoom did not answer the request for a token as it should (status %(status)d). The bridge retries automatically; "
    "see status.zoom.us."
)
ZOOM_HOST_UNREACHABLE = _(
    "Zoom cannot be reached at %(host)s. The bridge retries automatically. Check that its machine can connect to the "
    "internet."
)
ZOOM_CREDENTIALS_REJECTED = _(
    "Zoom does not accept these credentials (%(reason)s). Copy account id, client id and client secret again from "
    "your Server-to-Server OAuth app in the Zoom App Marketplace (App Credentials), and check under Activation "
    "whether the app is active."
)
ZOOM_NO_TOKEN = _("Zoom returned no token (status %(status)d). The bridge retries automatically.")
ZOOM_TOKEN_INVALID = _("Zoom's answer to the request for a token is invalid.")

# The progress and end of jobs.
JOB_FAILED = _(
    "The bridge encountered an internal error (%(error)s); see its log. What was done so far is saved, and you can "
    "resume from there."
)
SCAN_POSTS_DUE = _("Reading is complete. Pages that are still to be written: %(count)d.")
SCAN_POSTS_PENDING = _("Reading is complete. The pages are being written to the sites.")
SCAN_POSTS_FAILING = _(
    "Pages that could not be written yet: %(count)d. The page Meetings says why. The bridge retries automatically."
)
SCAN_DONE = _("All meetings are up to date on their sites.")
SCAN_EMPTY = _("Zoom lists no upcoming meeting or webinar of this account, so there was nothing to import.")
SCAN_NO_SITE = _(
    "Reading is complete, but no site shows this account yet. Grant it to a site on the account's page, under Zoom "
    "accounts, or with: zoombridge account grant"
)
SCAN_HELD = _(
    "Pages that are held back instead of moved to the trash, because that would be too many at once: %(count)d. Decide "
    "on the page Zoom accounts, under Held pages."
)
SCAN_WOULD_HOLD = _(
    "Pages that would be held back, because moving them to the trash would be too many at once: %(count)d."
)
SCAN_UNSURE = _(
    "Meetings or lists that could not be read: %(count)d. Nothing about them was changed; the findings say why and what "
    "to do."
)
USER_UNLICENSED = _(
    "This user's type in Zoom (4, without Meetings Basic) has no meetings, so none were read."
)
HELD_ON_SITE = _("%(removed)d of the site's %(total)d pages would be gone within a day.")
HELD_ELSEWHERE = _(
    "Held with the meeting's page on another site, where too many pages would be gone within a day."
)
WAITING_FOR_SITE = _("This is waiting for the site and continues automatically.")
WAITING_FOR_SITE_FAULT = _("This is waiting for the site and continues automatically. %(fault)s")

# What a self-test found, and what to do.
TEST_NO_SECRET = _(
    "No secret token of Zoom is saved for this site yet, so nothing could be signed, and nothing was sent."
)
TEST_NO_SECRET_ADVICE = _(
    "This is the next step: copy the Secret Token from your app in the Zoom App Marketplace (Features > Access; in a "
    "Server-to-Server OAuth app: Feature) to the setup checklist on the site's page. Then test again."
)
RETRIED = _("Zoom resends such an event after 5, 20 and 60 minutes, so nothing is lost for 85 minutes.")
NOT_RETRIED = _("Zoom never resends an event that is answered like this, so fix it soon.")
TEST_ALTERED_ADVICE = _(
    "Check what is between Zoom and the plugin: a firewall or proxy that rewrites requests, or a plugin that changes "
    "them. Exclude /wp-json/vczapi/v1/ from it."
)
TEST_BRIDGE_UNREACHABLE = _("The event reached WordPress, but WordPress does not reach the bridge.")
TEST_BRIDGE_UNREACHABLE_ADVICE = _(
    "Check the connection again: the page of the site shows what is wrong between WordPress and the bridge."
)
TEST_NOT_PAIRED = _("The plugin in WordPress is no longer paired with this bridge.")
RECONNECT = _("Connect the site again.")
TEST_SECRET_REMOVED = _(
    "The event arrived, but the secret token of this site was removed while the test ran."
)
TEST_SECRET_REMOVED_ADVICE = _("Save it on the page Webhooks, and test again.")
TEST_NOT_STORED = _("The event arrived, but the bridge could not store it: %(reason)s")
TEST_NOT_STORED_ADVICE = _("Check the bridge's database and its disk, then test again.")
TEST_BECAME_GET = _(
    "The event was sent with POST and arrived as GET, without its body: something on the way redirects to another "
    "address."
)
TEST_BECAME_GET_ADVICE = _(
    "In wp-admin, under Settings > General, enter the Site Address that a browser shows in the end, and connect the site "
    "again; or configure the web server not to redirect /wp-json/."
)
TEST_BRIDGE_ERROR = _("The bridge encountered an internal error: %(reason)s")
REPORT_BUG = _("This is a bug in the bridge: report it together with the bridge's log.")
TEST_PLUGIN_MISSING = _("WordPress answers, but the plugin “Meetings Bridge for Zoom” does not.")
TEST_PLUGIN_MISSING_ADVICE = _("Activate the plugin under Plugins in wp-admin, or install it again.")
TEST_NO_ANSWER = _("The endpoint gave no answer: %(reason)s.")
TEST_NO_ANSWER_FAULT = _("The endpoint gave no answer. %(fault)s")
TEST_NO_ANSWER_ADVICE = _(
    "Check whether the site opens in a browser. If it does, something blocks the bridge's server; whether it blocks "
    "Zoom, too, shows when Zoom validates the endpoint."
)
TEST_REDIRECTED = _("The endpoint redirects (HTTP %(status)d), and Zoom does not follow.")
TEST_REDIRECTED_TO = _("The endpoint redirects to %(address)s (HTTP %(status)d), and Zoom does not follow.")
TEST_REDIRECTED_ADVICE = _(
    "In wp-admin, under Settings > General, enter the Site Address that a browser shows in the end (https, with or "
    "without www). Then connect the site again, and enter the endpoint in Zoom again. Or configure the web server not to "
    "redirect /wp-json/."
)
TEST_SLOW = _(
    "The endpoint answered after %(seconds)s seconds. Zoom waits three, then treats the event as not delivered and "
    "resends it; after many such failures it disables the subscription."
)
TEST_SLOW_ADVICE = _(
    "WordPress itself is slow to start: ask its host, deactivate plugins that do work on every request, and test "
    "again at another time of day."
)
TEST_SITE_ERROR = _("The site failed to process the event (HTTP %(status)d%(quoted)s).")
TEST_SITE_ERROR_ADVICE = _(
    "See the site's own error log, and check whether the site is in maintenance. Often another plugin fails: "
    "deactivate the one that was added last, and test again."
)
TEST_REST_CLOSED = _("WordPress refused the event before the plugin saw it (HTTP %(status)d%(quoted)s).")
TEST_REST_CLOSED_ADVICE = _(
    "Another plugin ends the requests of everyone who is not signed in, as Zoom never is. Allow the address "
    "/wp-json/vczapi/v1/ for everyone in its settings: the bridge itself verifies the sender of each event."
)
TEST_NOT_FOUND = _("There is nothing at the endpoint's address (HTTP %(status)d%(quoted)s).")
TEST_NOT_FOUND_ADVICE = _(
    "WordPress's REST API is disabled, or at another address: allow it in the security plugin, open Settings > "
    "Permalinks in wp-admin and press Save, then connect the site again."
)
TEST_BLOCKED = _("A page was returned where the plugin should have answered (HTTP %(status)d%(quoted)s).")
TEST_BLOCKED_ADVICE = _(
    "A firewall, a security plugin or the host blocks the request. Allow POST to /wp-json/vczapi/v1/ there, for every "
    "sender: Zoom's addresses change, and the bridge itself verifies the sender of each event."
)
TEST_HEADERS_MISSING = _(
    "The event arrived without Zoom's headers (x-zm-signature, x-zm-request-timestamp), or these or all of it were "
    "replaced on the way, so its sender cannot be verified. Zoom never resends such an event."
)
TEST_BODY_REENCODED = _(
    "The body of the event was changed on its way: %(sent)d bytes were sent, %(received)d arrived. The content is the "
    "same, but was decoded and encoded again, and Zoom's signature covers every byte. So the signature does not match, "
    "and Zoom's own events are quarantined, too."
)
TEST_BODY_CHANGED = _(
    "The body of the event was changed on its way: %(sent)d bytes were sent, %(received)d arrived. Something was added, "
    "removed or replaced. So the signature does not match, and Zoom's own events are quarantined, too."
)
TEST_HEADER_CHANGED = _(
    "Zoom's header %(header)s was changed on the way, so the signature no longer matches, and Zoom's own events are "
    "quarantined."
)
TEST_SECRET_CHANGED = _(
    "The event arrived unchanged, but the secret tokens of this site were changed while the test ran."
)
TEST_AGAIN = _("Test again.")
TEST_INTERCEPTED = _(
    "HTTP %(status)d was answered, but nothing arrived at the bridge: something else answered instead, and Zoom treats "
    "the event as delivered. Such events are lost."
)
TEST_INTERCEPTED_ADVICE = _(
    "Look for another plugin that handles Zoom's events at the same address, or a cache that answers POST requests, "
    "and disable it for /wp-json/vczapi/v1/."
)
TEST_FOLD_PENDING = _("The event is stored, but the bridge has not processed it in time. Nothing is lost.")
TEST_FOLD_PENDING_ADVICE = _(
    "Many events may be pending: see the page Events, and test again when they are processed. If it persists, restart "
    "the bridge, and see its log."
)
TEST_FOLD_FAILED = _("The event is stored, but the bridge could not apply it to a meeting: %(reason)s")
TEST_WITHHELD = _("Everything works up to here, but the site is not to have a page for the test: %(reason)s")
TEST_WITHHELD_ADVICE = _("See the page Settings.")
TEST_NO_PERMISSION = _("The event arrived, but the bridge is not permitted to write to the site. %(reason)s")
TEST_NO_PERMISSION_ADVICE = _(
    "Nothing is lost: pending updates are written once the site accepts the bridge's requests again. Connect the site "
    "again, as an administrator."
)
TEST_NOT_WRITTEN = _("The event arrived, but its page could not be written. %(reason)s")
TEST_NOT_WRITTEN_ADVICE = _(
    "Nothing is lost: the bridge retries automatically. Test again when this is fixed."
)
TEST_WRITE_PENDING = _("The event arrived, but its page was not written in time. Nothing is lost.")
TEST_WRITE_PENDING_ADVICE = _(
    "Many pages may be pending, or the site is slow. Test again later; if it persists, see the bridge's log."
)
TEST_HIDDEN = _("The page was written, but visitors do not see it (HTTP %(status)d%(quoted)s).")
TEST_HIDDEN_NO_ANSWER = _("The page was written, but visitors do not see it (no answer%(quoted)s).")
TEST_PERMALINKS_ADVICE = _(
    "Open Settings > Permalinks in wp-admin, and press Save: WordPress then registers the address of meetings."
)
TEST_THEME_ADVICE = _(
    "The theme does not show the title of a meeting, or visitors are shown something else: a page that says “coming "
    "soon”, or a sign-in page. Open a meeting's page in a private window to see it."
)
TEST_CLOSED_ADVICE = _(
    "The site keeps visitors out: it is in maintenance, private, or asks them to sign in. If that is intended, "
    "everything else works."
)
TEST_NOT_REMOVED = _("The page of the test was created, but is not deleted yet.")
TEST_NOT_REMOVED_ADVICE = _(
    "The bridge deletes it automatically. If the page remains, delete it in wp-admin."
)
CLOCK_MINUTES_AHEAD = _(
    "The clock of the site's server is %(count)d minutes ahead of that of the bridge's machine, and %(allowed)d minutes "
    "are allowed. If the bridge's is wrong, Zoom's events are refused; if the site's is wrong, wp-admin shows no "
    "pages of the bridge."
)
CLOCK_MINUTES_BEHIND = _(
    "The clock of the site's server is %(count)d minutes behind that of the bridge's machine, and %(allowed)d minutes "
    "are allowed. If the bridge's is wrong, Zoom's events are refused; if the site's is wrong, wp-admin shows no "
    "pages of the bridge."
)
CLOCK_ADVICE = _("Check which of the two is wrong, and synchronize it over the network (NTP).")
TEST_ZOOM_SECRET = _(
    "Zoom's own events are quarantined, although the connection works: Zoom signs them with a different secret token "
    "than the one saved here. Nothing is lost: they are accepted once the right one is saved."
)
TEST_ZOOM_SECRET_ADVICE = _(
    "Copy the Secret Token again from your app in the Zoom App Marketplace (Features > Access; in a "
    "Server-to-Server OAuth app: Feature) to the page Webhooks. If you have several apps, use the one whose event "
    "subscription has this endpoint."
)
TEST_ZOOM_CLOCK_BEHIND = _(
    "Zoom's own events are refused, although the connection works: the bridge's clock is %(seconds)d seconds behind "
    "the time at which Zoom signed them. They are lost: Zoom does not send them again."
)
TEST_ZOOM_CLOCK_AHEAD = _(
    "Zoom's own events are refused, although the connection works: the bridge's clock is %(seconds)d seconds ahead of "
    "the time at which Zoom signed them. They are lost: Zoom does not send them again."
)
TEST_ZOOM_CLOCK_ADVICE = _(
    "Synchronize the clock of the bridge's machine over the network (NTP), then reconcile the Zoom account: zoombridge "
    "reconcile"
)
QUOTED = _(": “%(text)s”")
TEST_UNCHANGED = _("%(count)d bytes, all unchanged")
TEST_SEEN_BY_EDITORS = _("by editors: new pages are created with the status “%(status)s”")
TEST_CLOCKS_APART = _("%(count)d s apart")
TEST_ZOOM_SILENT = _(
    "Zoom has sent nothing yet; only its first event shows whether its secret token is the one saved here."
)

# Why a form about users or passwords was not accepted.
USER_NAME_INVALID = _("A user name has 2 to 60 letters and digits; . _ - @ are also allowed.")
EMAIL_ADDRESS_INVALID = _("Enter an e-mail address, for example anna@example.org.")
EMAIL_ADDRESS_TAKEN = _("Another user has this e-mail address. Each belongs to one user.")
USER_EXISTS = _("There is already a user named %(name)s. Choose another name.")
USER_UNKNOWN = _(
    "There is no user named %(name)s. All users are on the page Users, and in: zoombridge user list"
)
TOO_MANY_USERS = _("There are already %(count)d users, the maximum. Remove users who are no longer needed.")
LAST_ADMINISTRATOR = _(
    "%(name)s is the only administrator who can sign in. Make another user an administrator first; otherwise nobody "
    "could change anything here."
)
ADMINISTRATOR_EXISTS = _("There is already an administrator.")
LINK_EXPIRED = _("This link is no longer valid: each link works once, and only for a limited time.")
TWO_FACTOR_IS_ON = _("Two-factor authentication is on already. Turn it off first to set up another app.")
TWO_FACTOR_IS_OFF = _("%(name)s does not use two-factor authentication.")
TWO_FACTOR_SETUP_EXPIRED = _("The setup was not finished in time. Start it again.")
PASSWORD_TOO_SHORT = _("The password has fewer than %(count)d characters.")
PASSWORD_TOO_LONG = _("The password has more than %(count)d characters.")
PASSWORD_IS_NAME = _("The password must not be the user name.")
PASSWORD_REPEATS = _("The password must not be one character repeated.")

# Why something does not exist, or cannot be done now.
UNKNOWN_SITE = _(
    "No site “%(name)s” is connected. All sites are on the page Sites, and in: zoombridge site list"
)
SITE_PAUSED = _("The updates of this site are paused, so nothing can be written there. Resume them first.")
TOO_MANY_TOKENS = _(
    "There are already %(count)d tokens, the maximum. Remove those that Zoom no longer uses, then save this one."
)
INVALID_TAG = _("A tag has 1 to %(count)d characters, and no comma.")
TOO_MANY_TAGS = _("A site has at most %(count)d tags. Remove one first.")
UNKNOWN_TEMPLATE = _("There is no template “%(name)s”.")
UNKNOWN_TEMPLATE_OR_SITE = _(
    "There is no template “%(name)s”, and no such site is connected. See: zoombridge rules list, zoombridge site list"
)
INVALID_TEMPLATE_NAME = _("The name of a template has 1 to %(count)d characters.")
TEMPLATE_NAME_TAKEN = _(
    "There is a template “%(name)s” already. Choose another name, or open that one to change it."
)
TOO_MANY_TEMPLATES = _("There are at most %(count)d templates. Remove one first.")
TOO_MANY_SITES = _("At most %(count)d sites can be changed at once.")

# What became of one of many sites.
BULK_CHECKED = _("Everything is working.")
BULK_TESTED = _("The test event arrived.")
BULK_APPLIED = _("Every page was compared with the rules.")
BULK_STOPPED = _("The job of this site was stopped, or a newer one has replaced it.")
BULK_PAUSED = _("Updates are paused.")
BULK_RESUMED = _("Updates continue.")
BULK_UNCHANGED = _("Nothing was to be done.")
BULK_TAGGED = _("The tags were changed.")
BULK_OTHER_RULES = _("The rules that were to be copied have changed since the preview. Preview them again.")
BULK_UNFOLLOWED = _("The site follows no template any more, and keeps its rules.")
BULK_GONE = _("The site is no longer connected.")
BULK_BROKE = _("The bridge encountered an internal error (%(error)s). See the bridge's log for details.")
# What became of a new address of the bridge that was offered to a site.
ADDRESS_OFFERED = _(
    "Its administrators are asked in wp-admin. Until one accepts, it calls the former address."
)
ADDRESS_IN_USE = _("It calls this address already.")
ADDRESS_NOT_TAKEN = _(
    "The plugin does not take this address. It has at most %(count)d characters: a host name of letters, digits, hyphens and "
    "dots, a name with other letters as xn--…, and a path of letters, digits and . _ ~ -"
)
ADDRESS_DECLINED = _(
    "An administrator of the site has declined this address, so it goes on calling %(address)s. Ask there, and connect the "
    "site again if it is to change."
)
ADDRESS_WITHDRAWN = _("The offer is withdrawn: its administrators are not asked any more.")
ADDRESS_NOT_OFFERED = _("No address is offered to this site.")
RULES_SITE_REMOVED = _("This site is no longer connected, so its rules were not saved.")
UNKNOWN_EVENT = _(
    "There is no event with this number in the log. It may have been deleted because of its age: see the retention in "
    "the settings."
)
UNKNOWN_QUARANTINED_REQUEST = _(
    "There is no request with this number in quarantine. It may have been accepted meanwhile, or made room for newer "
    "ones."
)
UNKNOWN_JOB = _("There is no such job. Ended jobs are deleted after some weeks.")
UNKNOWN_JOB_KIND = _("There is no kind of job named “%(kind)s”.")
TOO_MANY_JOBS = _(
    "%(count)d jobs of this kind are already waiting, so this one was not added. Wait until they have ended, or stop "
    "some of them."
)
UNKNOWN_ACCOUNT = _(
    "No credentials are saved for the Zoom account “%(name)s”. Add them on the page Zoom accounts, or with: zoombridge "
    "account add"
)
NOT_AN_ACCOUNT = _("“%(account)s” is not the ID of a Zoom account.")
NO_ACCOUNT = _("No Zoom account is set up. Add one: zoombridge account add")
SITES_AMBIGUOUS = _(
    "There are %(count)d sites. Name those that show the meetings (--site), or all of them (--all-sites)."
)
ACCOUNT_AMBIGUOUS = _("Specify which Zoom account is meant: %(names)s")
STORE_UNAVAILABLE = _(
    "The database cannot be used now (%(reason)s). Nothing is lost: Zoom resends its events. Check the free disk space "
    "and, with PostgreSQL, whether its server runs."
)
STORE_SILENT = _("it does not answer")
STORE_STOPPING = _("the bridge is stopping")
STORE_QUEUE_FULL = _("too many writes are pending")
TOO_MANY_REQUESTS = _(
    "Too many requests are waiting for the database. Nothing is lost: Zoom resends its events. If this persists, check "
    "whether the database answers."
)

# Why a request of the plugin was refused.
PLUGIN_KEY_WRONG = _(
    "The plugin in WordPress signs with a different key than the bridge has for it. Connect the site again (zoombridge "
    "site add)."
)
PLUGIN_TIME_MISSING = _("The plugin's request carries no time.")
PLUGIN_CLOCKS_APART = _(
    "The clocks of WordPress and of the bridge are %(seconds)d seconds apart; %(allowed)d are allowed. Synchronize both "
    "over the network (NTP)."
)
PLUGIN_REQUEST_REPLAYED = _(
    "This request came twice. It was carried out the first time, and not again. Open the page again."
)
PLUGIN_CONTEXT_INVALID = _(
    "The plugin's request does not say where its page is embedded. Install the plugin again from this version of the "
    "bridge: zoombridge plugin"
)

# Why the address of a site is refused that a person enters.
ADDRESS_INVALID = _("This is not the address of a site. Enter it as a browser shows it: https://example.org")
ADDRESS_WITH_PASSWORD = _("Enter the address without a user name and password.")

# What a check of a site found.
SITE_ANSWERS = _("answers")
PAGES_WRITTEN = _("are written to the site")
SECRET_SAVED = _("is saved")
SECRET_NOT_SAVED = _("is not saved yet: paste it into the setup checklist on the site's page")
ENDPOINT_VALIDATED = _("has validated the endpoint")
ENDPOINT_NOT_VALIDATED = _("has not validated the endpoint yet: see the setup checklist on the site's page")
NO_EVENT_YET = _("none has arrived yet: subscribe to events in Zoom, then schedule a meeting there")
# What stands of a site's pages: the first, then those that apply, with commas in between.
PAGES_SEEN = _("see %(count)d of %(pages)d pages")
PAGES_MISSING = _("published, but not found by visitors: %(count)d")
PAGES_ELSEWHERE = _("published, but visitors are sent to another page, such as to sign in: %(count)d")
PAGES_UNCLEAR = _("published, but cannot be seen from here at the moment: %(count)d")
PAGES_UNVISITED = _("published, and not looked at yet: %(count)d")
PAGES_UNKNOWN = _("not looked at yet: %(count)d")
PAGES_PROTECTED = _("with a password: %(count)d")
PAGES_DRAFT = _("drafts: %(count)d")
PAGES_PRIVATE = _("private: %(count)d")
PAGES_SCHEDULED = _("scheduled: %(count)d")
PAGES_TRASHED = _("in the trash: %(count)d")
PAGES_GONE = _("deleted on the site: %(count)d")
PAGES_OTHER = _("with a status of another plugin: %(count)d")
EVENTS_ARRIVE = _("arrive; the latest, %(event)s, on %(time)s UTC")
PLUGIN_VERSION = _("version %(version)s")
PLUGIN_OLDER = _(
    "version %(version)s; this bridge has version %(bridge)s. Everything goes on. Update the plugin: WordPress offers it under "
    "Plugins, or download it on the page of this site, or create it with zoombridge plugin"
)
PLUGIN_NEWER = _(
    "version %(version)s, newer than this bridge (%(bridge)s). Everything goes on. Update the bridge to the same version"
)
PLUGIN_ACTIVE = _("is active")
PAIRED = _("is paired with this bridge")
NOT_PAIRED = _(
    "The plugin is no longer paired with this bridge. Connect the site again: on its page, or with zoombridge site add."
)
CLOCKS_AGREE = _("agrees with the bridge's")
NONCES_REPEATED = _(
    "WordPress's table of options (wp_options) has lost its unique index, so a request of the bridge could be repeated by "
    "somebody who recorded it. Repair the table: ask the site's host to restore the unique index on option_name."
)
TRASH_OFF = _("is disabled (EMPTY_TRASH_DAYS is 0 in wp-config.php): pages are made drafts instead")
# What a check found of the plugin "Video Conferencing with Zoom" (VCZAPI), which may be active on the site, too.
VCZAPI_TRIED = _("version %(version)s, which has been tried with the bridge")
VCZAPI_NEWER = _(
    "The plugin “Video Conferencing with Zoom” %(version)s has not been tried with the bridge; %(tried)s has. Pages are "
    "written as before, and what the plugin sends to Zoom meanwhile is refused. But saving a post in WordPress may change "
    "its meeting in Zoom, and pages may look wrong: look at one, and change meetings only in Zoom. To be safe, install "
    "%(tried)s again until a new version of the bridge has been tried with %(version)s."
)
VCZAPI_OLDER = _(
    "The plugin “Video Conferencing with Zoom” %(version)s has not been tried with the bridge; %(tried)s has. Pages are "
    "written as before, but may look wrong. Update the plugin to %(tried)s in wp-admin, under Plugins."
)
VCZAPI_PRO_UNTRIED = _(
    "version %(version)s; no version of this add-on has been tried with the bridge. Pages are written as before; look at "
    "the page of a series and at one with registration, and change meetings only in Zoom"
)
VCZAPI_PRO_VERSION_UNKNOWN = _("unknown")
BRIDGE_REACHED = _("is reached from WordPress, at %(address)s")
BRIDGE_LOCAL = _(
    "That address means “this machine”, and WordPress is on another one. Give the bridge an address that WordPress "
    "reaches: put a web server with HTTPS in front of it, start it with --behind-proxy, and connect the site again with "
    "the new address."
)
BRIDGE_ADVICE = _(
    "Check whether the bridge runs, and whether WordPress's server opens %(address)s/healthz. If a firewall or the "
    "host's rules block it (in WordPress: WP_HTTP_BLOCK_EXTERNAL), allow it; if it must use another address, connect "
    "the site again with that."
)

# Pairing codes: why one is refused. The plugin shows these, too.
PAIRING_UNKNOWN = _(
    "The bridge does not know this pairing code: it was cancelled, or it belongs to another bridge. Nothing was changed. "
    "Get a new code in the bridge, under Sites > Add a site."
)
PAIRING_SIGNATURE = _(
    "The pairing code is not complete, or was changed. Nothing was changed on the site. Copy the whole code again from the "
    "bridge."
)
PAIRING_EXPIRED = _(
    "This pairing code has expired: a code is valid for 7 days. Nothing was changed. Get a new code in the bridge, under "
    "Sites > Add a site."
)
PAIRING_SPENT = _(
    "This pairing code has been used already. Nothing was changed. Get a new code in the bridge, under Sites > Add a site."
)
PAIRING_MALFORMED = _(
    "The bridge does not understand this request. Update the plugin to the version that the bridge offers, then try again."
)
PAIRING_USES = _("A pairing code is for 1 to %(most)d sites.")
PAIRING_BRIDGE_URL = _(
    "“%(address)s” is not a valid address of the bridge. It looks like https://bridge.example.org"
)
PAIRING_GONE = _("This pairing no longer exists: its code was cancelled, or has expired. Add the site again.")
PAIRING_NOT_ANSWERED = _("The site has not answered the bridge yet, so it cannot be confirmed.")
PAIRING_REJECTED = _("This site was rejected. Add it again with a new code.")
PAIRING_OTHER_SITE = _(
    "%(home)s is not the site that you may manage (%(address)s). Ask an administrator of the bridge to confirm it."
)
PAIRING_NO_USERNAME = _("Enter the user name that the web server asks for. It cannot contain a colon.")

# Why the bridge could not call a site back.
PAIRING_LOCAL = _(
    "The plugin reached the bridge, but %(address)s is an address that only the site's own machine knows. Set the site's "
    "public address in WordPress, under Settings > General > Site Address, or run the bridge on the same machine. The "
    "bridge retries automatically."
)
PAIRING_NETWORK = _(
    "The plugin reached the bridge, but the bridge does not reach %(address)s: %(reason)s. Check that this address opens in "
    "a browser outside your network, and that no firewall blocks requests from the bridge's server. The bridge retries "
    "automatically."
)
PAIRING_TLS = _(
    "The HTTPS certificate of %(address)s cannot be trusted, so nothing was sent. Renew or repair the certificate of the "
    "site. The bridge retries automatically."
)
PAIRING_REDIRECTED = _(
    "%(address)s redirects the bridge's requests to %(target)s, so they do not reach the plugin. Set that address in "
    "WordPress, under Settings > General > Site Address, or exclude POST requests to /wp-json/zoombridge/v1/sync and "
    "/?zoombridge_sync=1 from the redirect. The bridge retries automatically."
)
PAIRING_KEY_UNKNOWN = _(
    "The plugin at %(address)s does not know this pairing. Open wp-admin of the site, and follow the notice of the plugin "
    "there. If there is none, another copy of the site answers at this address, or a persistent object cache of WordPress "
    "still returns the previous pairing: flush it. The bridge retries automatically."
)
PAIRING_PLUGIN_MISSING = _(
    "WordPress answers at %(address)s, but without the plugin “Meetings Bridge for Zoom”. It is deactivated by now, or "
    "another copy of the site answers at this address. Activate it there. The bridge retries automatically."
)
PAIRING_BLOCKED = _(
    "The plugin reached the bridge, but at %(address)s something else answers the bridge's requests: usually a firewall or a "
    "security plugin blocks them. Let POST requests from the bridge's server to /wp-json/zoombridge/v1/sync or "
    "/?zoombridge_sync=1 through. The bridge retries automatically. The page says: “%(page)s” (HTTP %(status)d)."
)
PAIRING_ERROR = _(
    "The site failed to process the bridge's request (HTTP %(status)d). See the error log of the site. The bridge retries "
    "automatically."
)
PAIRING_BUSY = _("The site is busy or being updated. The bridge retries automatically.")
PAIRING_PASSWORD_WRONG = _(
    "The web server in front of WordPress does not accept this user name and password. Enter those that a browser asks for "
    "before the site appears, not those of a WordPress user."
)

# What a person is to confirm.
PAIRING_CONFIRM = _("%(home)s has used the code. Confirm that it is your site.")
PAIRING_CONFIRM_OTHER = _(
    "%(home)s has used the code, but the address %(address)s was entered. Confirm that it is your site."
)
PAIRING_CONFIRM_MOVED = _(
    "%(home)s has used the code in place of %(address)s. If you confirm, that site is kept with its settings and pages, and "
    "continues at the new address."
)

PRO_SILENT = _(
    "The PRO add-on of “Video Conferencing with Zoom” is active. Its webhook is silent: the bridge answers Zoom's events. "
    "Nothing has to be changed in Zoom. “Coming from PRO” (docs/coming-from-pro.md) says what changes, and when you can "
    "deactivate PRO."
)
LOADER_ACTIVE = _("is active: Zoom's events are forwarded before other plugins load")
LOADER_OUTDATED = _(
    "The file of the loader is not of the installed plugin. Events go the ordinary way, and nothing is lost. Install it again "
    "in WordPress, under Zoom Meetings > Settings."
)
LOADER_MISSING = _(
    "The loader was installed, and its file is gone. Events go the ordinary way, and nothing is lost. Install it again in "
    "WordPress, under Zoom Meetings > Settings."
)
LOADER_UNWRITABLE = _("The web server cannot write to the folder of must-use plugins: change that first.")
OTHER_PAGES = _(
    "Some meetings have more than one page on this site, and the bridge updates one of each. It leaves the posts with "
    "these IDs as they are, and visitors may see them: %(ids)s. Compare them in WordPress with the pages that the bridge "
    "updates, and move those that you don't need to the trash."
)
TWO_COPIES = _(
    "Two copies of this site answer by turns at %(address)s: their folders or databases differ. Pages and settings may be "
    "written to either of them. Usually a server of before is still running, or the name has two addresses: switch one of "
    "them off."
)

# Answers to a plugin that reports a move.
MOVE_COPY = _(
    "The site at %(address)s is still there, so this one is a copy of it. Nothing was changed. Choose “This is a copy”; to "
    "connect the copy as well, add it in the bridge under Sites > Add a site."
)
MOVE_TAKEN = _(
    "The bridge has another site at %(address)s. Nothing was changed. Disconnect that one in the bridge, then try again."
)
MOVE_NOT_REACHED = _(
    "The move was not recorded, because the bridge could not check the new address. %(reason)s"
)
MOVE_INVALID = _("The bridge does not understand this report of a move. Update the plugin, then try again.")

# Alerts, as they are sent.
ALERT_FAILED_EVENTS = _(
    "Events that the bridge could not process: %(count)d. They are kept. Update the bridge, then replay them."
)
ALERT_PENDING_EVENTS = _(
    "Pending events that are not being processed: %(count)d. They are kept; until then, pages are out of date. Restart the "
    "bridge. If it persists, see its log."
)
ALERT_UNREADABLE_EVENTS = _(
    "Authentic requests that could not be read as events: %(count)d. They are kept. Update the bridge, then replay them."
)
ALERT_DISK = _(
    "The disk that holds the database is nearly full: %(count)d MiB are left. Free up disk space, or shorten the retention "
    "of events in the settings."
)
ALERT_ACCOUNT = _("The Zoom account %(name)s cannot be read: %(reason)s")
ALERT_SITE = _("The site cannot be updated. %(reason)s")
ALERT_NO_SECRET = _(
    "No secret token is saved for the site. Until it is, its events from Zoom are not accepted, and Zoom gives up after "
    "85 minutes."
)
ALERT_TOO_LARGE = _("Events that were too large, and are lost: %(count)d. Reconcile the Zoom account.")
ALERT_UNVERIFIED_LARGE = _(
    "Refused events that are too large for the quarantine: %(count)d. Their signatures do not match the saved secret token. "
    "Save the right one, then reconcile the Zoom account."
)
ALERT_QUARANTINE = _(
    "Events in quarantine: %(count)d. Their signatures do not match the saved secret token. They are kept, and accepted "
    "when the right one is saved."
)
ALERT_CLOCK = _(
    "Zoom's events are refused: the clock of the bridge's machine differs from Zoom's by %(count)d seconds. Synchronize it "
    "with NTP, then reconcile the Zoom account."
)
ALERT_HELD_PAGES = _(
    "Pages held back instead of being moved to the trash: %(count)d. They stay as they are until an administrator of the "
    "bridge decides."
)
ALERT_GRANT_REQUESTS = _("Events that wait until their Zoom account is granted to the site: %(count)d.")
ALERT_FAILING = _("Pages that cannot be updated: %(count)d. %(reason)s")
ALERT_NOT_VALIDATED = _("Zoom has not validated the endpoint yet, and sends no events until it has.")
ALERT_OVERDUE = _(
    "Zoom's validation of the endpoint is overdue, and after several failures Zoom stops sending events. Check the event "
    "subscription of your app in the Zoom App Marketplace."
)
ALERT_NO_EVENT = _("Zoom has validated the endpoint, but no event has arrived yet.")
ALERT_QUIET = _("No event has arrived for longer than usual.")
ALERT_BEHIND = _("Page updates that have been pending for long: %(count)d.")

# Of the mail with a link for a new password.
PASSWORD_MAIL_SUBJECT = _("Choose a new password")
PASSWORD_MAIL_INTRO = _(
    "Somebody, probably you, has asked for a new password of the user %(name)s on %(address)s. With this link you choose one; it "
    "works once, and for an hour:"
)
PASSWORD_MAIL_IGNORE = _("If that was not you, ignore this message: nothing has changed.")

# The frame of what is sent.
ALERT_SUBJECT_CRITICAL = _("Needs attention: %(where)s")
ALERT_SUBJECT_ENDED = _("Resolved: %(where)s")
ALERT_SUBJECT_DIGEST = _("Weekly summary: critical alerts: %(critical)d, warnings: %(warnings)d")
ALERT_SUBJECT_TEST = _("This is a test")
ALERT_THE_BRIDGE = _("the bridge")
ALERT_MORE_SITES = _("%(sites)s and %(count)d more")
ALERT_MORE = _("Further alerts: %(count)d. See the page Overview.")
ALERT_SINCE = _("Since %(time)s UTC.")
ALERT_INTRO_CRITICAL = _("These alerts have become critical. Nothing more is sent about them until they end.")
ALERT_INTRO_ENDED = _("These alerts have ended.")
ALERT_INTRO_DIGEST = _("Sites: %(sites)d. Events in the last 7 days: %(events)d.")
ALERT_INTRO_NOTHING = _("There are no open alerts.")
ALERT_INTRO_TEST = _("If you read this, alerts of the Zoom WordPress Bridge reach you here.")
ALERT_SEE = _("Details: %(address)s")

# Channels of alerts: what is wrong with what was entered.
ALERT_TOO_MANY_CHANNELS = _("There are %(count)d channels already, and more are not possible.")
ALERT_NAME_INVALID = _("Enter a name of 1 to %(most)d characters.")
ALERT_NAME_TAKEN = _("There is a channel named “%(name)s” already. Choose another name.")
ALERT_NO_CHANNEL = _("There is no channel named “%(name)s”.")
ALERT_NO_SITE = _("Choose a connected site, or all sites.")
ALERT_HOST_INVALID = _("Enter the name of the mail server, for example mail.example.org.")
ALERT_PORT_INVALID = _("Enter a port: a number from 1 to 65535.")
ALERT_SECURITY_INVALID = _("Choose how the connection is encrypted.")
ALERT_PASSWORD_IN_CLEAR = _(
    "Without encryption the password could be read on its way. Choose STARTTLS or TLS."
)
ALERT_TOO_LONG = _("This is too long.")
ALERT_NAME_AND_PASSWORD = _("Enter both user name and password, or neither.")
ALERT_ADDRESS_INVALID = _("“%(address)s” is not an e-mail address as mail servers accept it.")
ALERT_RECIPIENTS_NUMBER = _("Enter 1 to %(most)d e-mail addresses, separated by commas.")
ALERT_URL_INVALID = _("Enter an address that begins with https://.")
ALERT_URL_NOT_SECURE = _(
    "Enter an address that begins with https://. Only this machine can be written to without encryption."
)
ALERT_NOT_OPEN = _("There is no such open alert. It may have ended.")
ALERT_REASON_MISSING = _("Enter a reason of 1 to %(most)d characters.")
ALERT_HOURS_INVALID = _("A snooze lasts 1 hour to %(most)d days.")

# What became of a delivery.
ALERT_SENT = _("accepted (HTTP %(status)d)")
ALERT_MAIL_SENT = _("accepted by the mail server")
ALERT_MAIL_SENT_IN_PART = _("accepted by the mail server, but not for: %(addresses)s")
ALERT_MAIL_REFUSED = _("The mail server refused the message: %(reason)s")
ALERT_MAIL_LOGIN = _("The mail server does not accept user name and password: %(reason)s")
ALERT_MAIL_NO_STARTTLS = _(
    "The mail server offers no STARTTLS, so nothing was sent. Choose TLS, with its port."
)
ALERT_MAIL_NO_LOGIN = _("The mail server takes no user name and password over this connection.")
ALERT_MAIL_UNTRUSTED = _(
    "The certificate of the mail server cannot be trusted, so nothing was sent: %(reason)s"
)
ALERT_MAIL_NO_ANSWER = _("The mail server could not be reached: %(reason)s")
ALERT_HOOK_REFUSED = _("The address answered with HTTP %(status)d.")
ALERT_HOOK_REDIRECTED = _(
    "The address redirects elsewhere (HTTP %(status)d). Enter the address that it leads to."
)
ALERT_HOOK_GONE = _("The address no longer takes messages (HTTP 410).")
ALERT_HOOK_NO_ANSWER = _("The address could not be reached.")
ALERT_INTERNAL = _("The bridge failed to send this (%(error)s). See its log.")

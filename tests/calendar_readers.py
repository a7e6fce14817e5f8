"""Others who read calendars: libical, which checks them, and ical.js, which Thunderbird reads them with."""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import subprocess
from functools import cache
from typing import TYPE_CHECKING

from tests.wordpress.cache import cached

if TYPE_CHECKING:
    from pathlib import Path

_ICALJS = "ical.js@2.2.1"
_READING = """
import { readFileSync } from 'node:fs';
const ICAL = (await import(process.argv[1])).default;
const root = new ICAL.Component(ICAL.parse(readFileSync(0, 'utf8')));
for (const zone of root.getAllSubcomponents('vtimezone')) ICAL.TimezoneService.register(zone);
const moment = (time) => time.toJSDate().toISOString().replace('.000Z', 'Z');
const found = [];
const all = root.getAllSubcomponents('vevent').map((one) => new ICAL.Event(one));
for (const event of all.filter((one) => !one.isRecurrenceException())) {
  all.filter((one) => one.isRecurrenceException() && one.uid === event.uid).forEach((one) => event.relateException(one));
  if (!event.isRecurring()) {
    found.push([moment(event.startDate), moment(event.endDate)]);
    continue;
  }
  const dates = event.iterator();
  for (let next = dates.next(); next && found.length < 2000; next = dates.next()) {
    const details = event.getOccurrenceDetails(next);
    found.push([moment(details.startDate), moment(details.endDate)]);
  }
}
console.log(JSON.stringify(found.sort()));
"""


def icaljs(data: bytes) -> list[tuple[str, str]]:
    """Return the starts and ends that ical.js reads, in UTC."""
    command = ["node", "--input-type=module", "--eval", _READING, str(_icaljs_module())]
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return [(start, end) for start, end in json.loads(done.stdout)]


def complaints(data: bytes) -> list[str]:
    """Return what libical finds wrong with a calendar: as it is, and as one that is published to many.

    It asks more of the latter (RFC 5546, section 3.2.1), and of each event the organizer, whom ours do not name.
    """
    published = data.replace(b"VERSION:2.0", b"VERSION:2.0\r\nMETHOD:PUBLISH").replace(
        b"BEGIN:VEVENT", b"BEGIN:VEVENT\r\nORGANIZER:mailto:host@example.org"
    )
    return [*_complaints(data), *(_complaints(published) if b"BEGIN:VEVENT" in data else [])]


def _complaints(data: bytes) -> list[str]:
    lib = _libical()
    component = lib.icalparser_parse_string(data)
    if not component:
        return ["It is no calendar."]
    try:
        found = [] if lib.icalrestriction_check(component) else ["It breaks RFC 5545's restrictions."]
        if lib.icalcomponent_count_errors(component):
            text = ctypes.string_at(lib.icalcomponent_as_ical_string(component)).decode()
            found += [line for line in text.splitlines() if line.startswith("X-LIC-ERROR")]
        return found
    finally:
        lib.icalcomponent_free(component)


@cache
def _libical() -> ctypes.CDLL:
    name = ctypes.util.find_library("ical")
    assert name, "libical is missing: run bin/setup test."
    lib = ctypes.CDLL(name)
    for function in ("icalparser_parse_string", "icalcomponent_as_ical_string"):
        getattr(lib, function).restype = ctypes.c_void_p
    lib.icalparser_parse_string.argtypes = [ctypes.c_char_p]
    for function in (
        "icalrestriction_check",
        "icalcomponent_count_errors",
        "icalcomponent_as_ical_string",
        "icalcomponent_free",
    ):
        getattr(lib, function).argtypes = [ctypes.c_void_p]
    return lib


@cache
def _icaljs_module() -> Path:
    return cached(_ICALJS, _fetch) / "package/dist/ical.js"


def _fetch(target: Path) -> None:
    command = ["npm", "pack", "--silent", "--pack-destination", str(target), _ICALJS]
    subprocess.run(command, check=True, capture_output=True)
    [archive] = target.glob("*.tgz")
    subprocess.run(["tar", "--extract", "--file", str(archive), "--directory", str(target)], check=True)

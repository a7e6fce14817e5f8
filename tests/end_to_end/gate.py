"""A gate in WordPress that holds writes of meetings at a moment of the test's choice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.end_to_end.pair import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.wordpress import WordPress

# A post is made or changed between these two moments; the second comes after its metas, too.
CODE = """<?php
/** Plugin Name: A gate for tests */
function zoombridge_gate( $moment ) {
	if ( file_exists( '{folder}/hold-' . $moment ) ) {
		touch( '{folder}/arrived-' . $moment . '-' . hrtime( true ) );
		while ( file_exists( '{folder}/hold-' . $moment ) ) {
			usleep( 10000 );
			clearstatcache();
		}
	}
}
add_filter(
	'rest_pre_insert_zoom-meetings',
	static function ( $post ) {
		zoombridge_gate( 'before' );
		return $post;
	},
	PHP_INT_MIN
);
add_action(
	'rest_after_insert_zoom-meetings',
	static function () {
		zoombridge_gate( 'after' );
	},
	PHP_INT_MAX
);
"""


class Gate:
    """Holds what is `before` its write, or what is `after` it and has not been answered."""

    def __init__(self, site: WordPress, folder: Path) -> None:
        """Put the gate up, open."""
        self._folder = folder
        folder.mkdir()
        self._plugin = site.directory / "wp-content/mu-plugins/gate.php"
        self._plugin.write_text(CODE.replace("{folder}", str(folder)), encoding="utf-8")

    def hold(self, moment: str) -> None:
        """Let nothing through from now on."""
        (self._folder / f"hold-{moment}").touch()

    def await_held(self, moment: str, count: int) -> None:
        """Wait until so many writes stand there."""
        eventually(lambda: self.held(moment) >= count, lambda: f"{count} {moment}")

    def held(self, moment: str) -> int:
        """Return how many writes have come there so far."""
        return len(list(self._folder.glob(f"arrived-{moment}-*")))

    def open(self) -> None:
        """Let everything through."""
        for file in self._folder.glob("hold-*"):
            file.unlink()

    def remove(self) -> None:
        """Open it, and take it down."""
        self.open()
        self._plugin.unlink()
        time.sleep(0.05)  # what stood there looks every hundredth of a second, and must find its way out

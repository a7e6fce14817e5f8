"""A gate in WordPress that holds writes of meetings at a moment of the test's choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.end_to_end.pair import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.wordpress import WordPress

# However the bridge writes: a request is held before it looks for the post that it is about to make, or before it
# changes one; and its answer goes through a buffer, which is emptied once all is written.
CODE = """<?php
/** Plugin Name: A gate for tests */
function zoombridge_gate( $moment ) {
	$hold = "{folder}/hold-$moment";
	if ( file_exists( $hold ) ) {
		$request = $moment . '-' . getmypid() . '-' . hrtime( true );
		touch( "{folder}/arrived-$request" );
		while ( file_exists( $hold ) ) {
			usleep( 10000 );
			clearstatcache();
		}
		touch( "{folder}/left-$request" );
	}
}
function zoombridge_gate_before() {
	static $is_past = false;
	if ( ! $is_past ) {
		$is_past = true;
		zoombridge_gate( 'before' );
	}
}
function zoombridge_gate_after() {
	static $is_set_up = false;
	if ( ! $is_set_up ) {
		$is_set_up = true;
		ob_start(
			static function ( $answer ) {
				zoombridge_gate( 'after' );
				return $answer;
			}
		);
	}
}
add_filter(
	'query',
	static function ( $query ) {
		// The plugin's locks: of the number of a new post, of a post that is there.
		if ( preg_match( '/^INSERT IGNORE .*zoombridge_(making|writing)_/s', $query ) ) {
			zoombridge_gate_before();
		}
		return $query;
	}
);
add_filter(
	'wp_insert_post_data',
	static function ( $data ) {
		if ( 'zoom-meetings' === $data['post_type'] ) {
			zoombridge_gate_before();
		}
		return $data;
	},
	PHP_INT_MIN
);
add_action( 'save_post_zoom-meetings', 'zoombridge_gate_after' );
foreach ( array( 'added_post_meta', 'updated_post_meta' ) as $hook ) {
	add_action(
		$hook,
		static function ( $meta, $post ) {
			if ( 'zoom-meetings' === get_post_type( $post ) ) {
				zoombridge_gate_after();
			}
		},
		10,
		2
	);
}
"""


class Gate:
    """Holds requests `before` they write, or `after` they wrote and before they are answered."""

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
        """Wait until so many requests stand there."""
        eventually(lambda: self.held(moment) >= count, lambda: f"{count} {moment}")

    def held(self, moment: str) -> int:
        """Return how many requests have come there so far."""
        return self._count(f"arrived-{moment}")

    def open(self) -> None:
        """Let everything through."""
        for file in self._folder.glob("hold-*"):
            file.unlink()

    def remove(self) -> None:
        """Open it, wait until all that stood there has gone on, and take it down."""
        self.open()
        eventually(lambda: self._count("left") == self._count("arrived"), lambda: "Some stand there still.")
        self._plugin.unlink()

    def _count(self, kind: str) -> int:
        return len(list(self._folder.glob(f"{kind}-*")))

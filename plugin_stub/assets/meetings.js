/**
 * Keeps what visitors see of meetings right while time passes, also in pages that a cache has kept.
 *
 * The server generates everything, and writes into the page when it changes: nothing is requested. Times are Unix
 * seconds; elements with `data-zb-from` and `data-zb-until` are shown between the two.
 */
( function () {
	'use strict';

	var language = document.documentElement.lang || undefined;

	function each( selector, act, root ) {
		Array.prototype.forEach.call( ( root || document ).querySelectorAll( selector ), act );
	}

	// The site's language may be one that the browser does not know.
	function format( make ) {
		try {
			return make( language );
		} catch ( error ) {
			return make( undefined );
		}
	}

	function showBetween( now ) {
		each( '[data-zb-from], [data-zb-until]', function ( element ) {
			var from = element.getAttribute( 'data-zb-from' );
			var until = element.getAttribute( 'data-zb-until' );
			var hidden = ( from !== null && now < +from ) || ( until !== null && now >= +until );
			if ( element.hidden !== hidden ) {
				element.hidden = hidden;
			}
		} );
	}

	function showStates( now ) {
		each( '[data-zb-states]', function ( element ) {
			JSON.parse( element.getAttribute( 'data-zb-states' ) ).forEach( function ( state ) {
				if ( now >= state[ 0 ] && element.textContent !== state[ 2 ] ) {
					element.textContent = state[ 2 ];
					element.className = element.className.replace( /zoombridge-is-[a-z]+/, 'zoombridge-is-' + state[ 1 ] );
				}
			} );
		} );
	}

	function showEmpty() {
		each( '.zoombridge-visit > .zoombridge-empty', function ( text ) {
			var list = text.parentNode.querySelector( 'ul.zoombridge-list, ul.zoombridge-cards' );
			if ( list ) {
				text.hidden = list.querySelector( 'li.zoombridge-item:not([hidden])' ) !== null;
			}
		} );
	}

	function part( value, unit ) {
		return format( function ( tag ) {
			return new Intl.NumberFormat( tag, { style: 'unit', unit: unit, unitDisplay: 'long' } ).format( value );
		} );
	}

	function countDown( now ) {
		each( '[data-zb-countdown]', function ( element ) {
			var left = Math.max( 0, Math.ceil( +element.getAttribute( 'data-zb-countdown' ) - now ) );
			var days = Math.floor( left / 86400 );
			var parts = [];
			if ( days ) {
				parts.push( part( days, 'day' ) );
			}
			if ( left >= 3600 ) {
				parts.push( part( Math.floor( left / 3600 ) % 24, 'hour' ) );
			}
			parts.push( part( Math.floor( left / 60 ) % 60, 'minute' ) );
			if ( ! days ) {
				parts.push( part( left % 60, 'second' ) );
			}
			element.textContent = parts.join( ' ' );
		} );
	}

	// Beside each time that has another offset where the visitor is.
	function showLocalTimes() {
		each( '[data-zb-time]', function ( element ) {
			var written = element.getAttribute( 'datetime' );
			var time = new Date( written );
			var offset = /([+-])(\d\d):(\d\d)$/.exec( written );
			var minutes = offset ? ( offset[ 1 ] === '-' ? -1 : 1 ) * ( offset[ 2 ] * 60 + +offset[ 3 ] ) : 0;
			var place = element.nextElementSibling;
			while ( place && ! place.hasAttribute( 'data-zb-local' ) ) {
				place = place.nextElementSibling;
			}
			if ( ! place || isNaN( time ) || minutes === -time.getTimezoneOffset() ) {
				return;
			}
			place.textContent = place.getAttribute( 'data-zb-local' ).replace( '%s', format( function ( tag ) {
				var parts = { weekday: 'short', hour: 'numeric', minute: '2-digit' };
				if ( element.getAttribute( 'data-zb-time' ) !== 'short' ) {
					parts.day = 'numeric';
					parts.month = parts.timeZoneName = 'short';
				}
				return new Intl.DateTimeFormat( tag, parts ).format( time );
			} ) );
			place.hidden = false;
		} );
	}

	function update() {
		var now = Date.now() / 1000;
		showBetween( now );
		showStates( now );
		showEmpty();
		countDown( now );
	}

	function begin() {
		showLocalTimes();
		update();
		if ( document.querySelector( '[data-zb-from], [data-zb-until], [data-zb-states], [data-zb-countdown]' ) ) {
			setInterval( function () {
				if ( ! document.hidden ) {
					update();
				}
			}, 1000 );
			document.addEventListener( 'visibilitychange', update );
		}
	}

	if ( document.readyState === 'loading' ) {
		document.addEventListener( 'DOMContentLoaded', begin );
	} else {
		begin();
	}
}() );

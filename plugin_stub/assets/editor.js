/**
 * The block editor of meetings: a text that nobody touched is not sent. So a screen that was opened before the bridge wrote the
 * post leaves what stands by then.
 */
( function ( apiFetch, blocks, data, opened ) {
	'use strict';

	var address = new RegExp( '^/wp/v2/zoom_meetings/' + opened.post + '(\\?|$)' );

	// The block editor writes a text in its own way, also where nobody touched it.
	function rewritten( text ) {
		var serialize = blocks.__unstableSerializeAndClean || blocks.serialize;
		return serialize( blocks.parse( text ) );
	}

	function isSame( text, other ) {
		return text.trim() === other.trim() || text.trim() === rewritten( other ).trim();
	}

	// What WordPress last told of the text: newer versions show it after each save.
	function told() {
		var post = data.select( 'core/editor' ).getCurrentPost();
		return post && post.id === opened.post && typeof post.content === 'string' ? post.content : opened.content;
	}

	apiFetch.use( function ( options, next ) {
		var sent = options.data;
		if ( options.method !== 'PUT' || ! address.test( options.path || '' ) || ! sent || typeof sent.content !== 'string' ) {
			return next( options );
		}
		if ( isSame( sent.content, opened.content ) || isSame( sent.content, told() ) ) {
			options = Object.assign( {}, options, { data: Object.assign( {}, sent ) } );
			delete options.data.content;
		}
		return next( options ).then( function ( answer ) {
			opened.content = sent.content;
			return answer;
		} );
	} );
}( window.wp.apiFetch, window.wp.blocks, window.wp.data, window.zoombridgeEditor ) );

/**
 * The blocks in the block editor: a preview that the server renders, and their settings. Texts come from the plugin.
 */
( function ( blocks, editor, components, element, ServerSideRender ) {
	'use strict';

	var create = element.createElement;
	var data = window.zoombridgeBlocks || { categories: [], texts: {} };
	var texts = data.texts;

	function choices( names ) {
		return names.map( function ( name ) {
			return { value: name, label: texts[ name ] };
		} );
	}

	function control( props, kind, name, label, extra ) {
		var settings = { key: name, label: label, __nextHasNoMarginBottom: true, __next40pxDefaultSize: true };
		settings[ kind === components.ToggleControl ? 'checked' : 'value' ] = props.attributes[ name ];
		settings.onChange = function ( value ) {
			var changed = {};
			changed[ name ] = value;
			props.setAttributes( changed );
		};
		return create( kind, Object.assign( settings, extra ) );
	}

	function listControls( props ) {
		var every = [ { value: '', label: texts.all } ];
		var select = components.SelectControl;
		var controls = [
			control( props, select, 'view', texts.view, { options: choices( [ 'list', 'cards', 'month' ] ) } )
		];
		if ( props.attributes.view !== 'month' ) {
			controls.push( control( props, select, 'which', texts.which, {
				options: choices( [ 'upcoming', 'past', 'live' ] )
			} ) );
		}
		controls.push(
			control( props, select, 'category', texts.category, { options: every.concat( data.categories ) } ),
			control( props, select, 'kind', texts.kind, { options: every.concat( choices( [ 'meeting', 'webinar' ] ) ) } ),
			control( props, components.TextControl, 'host', texts.host )
		);
		if ( props.attributes.view !== 'month' ) {
			controls.push(
				control( props, components.RangeControl, 'number', texts.number, { min: 1, max: 100 } ),
				control( props, components.ToggleControl, 'paging', texts.paging )
			);
		}
		return controls;
	}

	function meetingControls( help ) {
		return function ( props ) {
			return control( props, components.TextControl, 'meeting', texts.zoomNumber, { help: help } );
		};
	}

	function register( name, controls ) {
		blocks.registerBlockType( name, {
			edit: function ( props ) {
				return create( element.Fragment, null,
					create( editor.InspectorControls, null,
						create( components.PanelBody, { title: texts.settings }, controls( props ) )
					),
					create( 'div', editor.useBlockProps(),
						create( components.Disabled, null,
							create( ServerSideRender, { block: name, attributes: props.attributes } )
						)
					)
				);
			},
			save: function () {
				return null;
			}
		} );
	}

	register( 'zoombridge/meetings', listControls );
	register( 'zoombridge/meeting', meetingControls() );
	register( 'zoombridge/countdown', meetingControls( texts.next ) );
}( window.wp.blocks, window.wp.blockEditor, window.wp.components, window.wp.element, window.wp.serverSideRender ) );

"""Charts as HTML and SVG: no script, nothing fetched, text of full size on a phone, colours from the page's theme."""

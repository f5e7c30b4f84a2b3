"""In: the options of `mm bench watch`. Out: delays of a live stream. Must not know: the page."""

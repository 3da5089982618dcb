"""What goes over the wire: messages, errors, options, SSE. Pure: no I/O, no other room of this package."""

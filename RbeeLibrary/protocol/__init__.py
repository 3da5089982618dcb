"""The wire protocol: messages, errors, options, server-sent events. Pure: no I/O, no imports from the rest of the package but `errors`."""

"""Readable reports for log.html: timeline, tables, likely cause, and the rules that a fleet is checked by."""

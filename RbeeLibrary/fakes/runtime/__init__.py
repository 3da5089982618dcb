"""What all fake programs share: process lifecycle, HTTP server, journal of requests, contract check."""

"""The contract as data: routes, requests, responses, events, and the checks against them."""

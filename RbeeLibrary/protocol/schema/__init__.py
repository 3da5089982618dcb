"""The contract as data: routes, requests, answers, events, and the checks against them."""

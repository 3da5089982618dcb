"""What all processes of one run share: clock, journal, lifeline, HTTP exchanges. Knows neither rbee's roles nor Robot Framework."""

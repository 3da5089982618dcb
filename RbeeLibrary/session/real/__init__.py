"""Real programs: started behind a recorder, and moved in time."""

"""Real processes: started, watched, signalled, ended. Knows neither rbee nor Robot Framework."""

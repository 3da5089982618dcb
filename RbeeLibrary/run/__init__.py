"""What every process of a run uses: lifeline, environment, ports, exit status. Knows neither rbee's roles nor Robot Framework."""

"""TCP and HTTP clients for the programs of a run, with time limits on the run's clock."""
